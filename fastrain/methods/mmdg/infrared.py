"""Two pictures made of infrared, which a later script of MMDG's authors feeds beside it: gradients, local patterns."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

ORIENTATIONS, CELL = 9, 8


def stacked(infrared: Tensor) -> Tensor:
    """Return (B,3,S,S) in [0,1]: the first channel of infrared (B,C,S,S), its gradients and its local pattern.

    All three have whole grey levels, as stored pictures have.
    """
    grey = (255 * infrared[:, :1]).round()
    return torch.cat([grey, gradients(grey).clamp(0, 255).trunc(), local_pattern(grey).trunc()], dim=1) / 255


# -- Histograms of oriented gradients, drawn --------------------------------------------------------------------------


def gradients(grey: Tensor) -> Tensor:
    """Return (B,1,S,S): for every cell of 8x8 pixels, nine lines as bright as its gradients across them.

    As scikit-image draws `hog` with nine orientations; a rest of a cell at the lower and right edge is black.
    """
    rows, columns = torch.zeros_like(grey), torch.zeros_like(grey)
    rows[..., 1:-1, :] = grey[..., 2:, :] - grey[..., :-2, :]
    columns[..., 1:-1] = grey[..., 2:] - grey[..., :-2]
    angle = torch.rad2deg(torch.atan2(rows, columns)).remainder(180)
    steps = torch.arange(ORIENTATIONS, device=grey.device).view(-1, 1, 1) * (180 / ORIENTATIONS)
    inside = (angle >= steps) & (angle < steps + 180 / ORIENTATIONS)
    histogram = F.avg_pool2d(inside * torch.hypot(rows, columns), CELL)
    drawn = torch.einsum("bohw,oyx->bhywx", histogram, lines().to(grey))
    drawn = drawn.flatten(3, 4).flatten(1, 2)[:, None]
    return F.pad(drawn, (0, grey.shape[-1] - drawn.shape[-1], 0, grey.shape[-2] - drawn.shape[-2]))


def lines() -> Tensor:
    """Return (9,8,8): the line of each orientation in a cell, 1 where it is and 0 elsewhere."""
    drawn = torch.zeros(ORIENTATIONS, CELL, CELL)
    middle, radius = CELL // 2, CELL // 2 - 1
    for number in range(ORIENTATIONS):
        angle = math.pi * (number + 0.5) / ORIENTATIONS
        down, right = radius * math.sin(angle), radius * math.cos(angle)
        start = int(middle - right), int(middle + down)
        end = int(middle + right), int(middle - down)
        for row, column in _pixels(*start, *end):
            drawn[number, row, column] = 1
    return drawn


def _pixels(row: int, column: int, last_row: int, last_column: int) -> list[tuple[int, int]]:
    """Return the pixels of a line by Bresenham's algorithm, both ends included."""
    rows, columns = abs(last_row - row), abs(last_column - column)
    step_row, step_column = (1 if last_row > row else -1), (1 if last_column > column else -1)
    steep = rows > columns
    if steep:
        row, column, rows, columns, step_row, step_column = column, row, columns, rows, step_column, step_row
    error, pixels = 2 * rows - columns, []
    for _ in range(columns):
        pixels.append((column, row) if steep else (row, column))
        while error >= 0:
            row, error = row + step_row, error - 2 * columns
        column, error = column + step_column, error + 2 * rows
    return [*pixels, (last_row, last_column)]


# -- Local patterns ---------------------------------------------------------------------------------------------------


def local_pattern(grey: Tensor) -> Tensor:
    """Return (B,1,S,S) of grey levels 1 to 255: the angle of the local gravity field over the grey level itself.

    The field's two parts weigh the 24 neighbours in 5x5 pixels by cos φ / r² and sin φ / r²; outside it is black.
    """
    level = grey.clamp(min=2)
    across = torch.arange(-2.0, 3.0, dtype=grey.dtype, device=grey.device)
    x, y = across.expand(5, 5), -across.view(-1, 1).expand(5, 5)
    cube = (x.square() + y.square()).pow(1.5)
    cube[2, 2] = torch.inf
    kernels = torch.stack([x / cube, y / cube])[:, None]
    field = F.conv2d(level, kernels, padding=2)
    angle = torch.atan(field.square().sum(dim=1, keepdim=True).sqrt() / (level + 1e-4))
    low, high = angle.amin(dim=(2, 3), keepdim=True), angle.amax(dim=(2, 3), keepdim=True)
    return 1 + 254 * (angle - low) / (high - low).clamp(min=1e-12)
