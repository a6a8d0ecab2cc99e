"""Cut-out as the GAC-FAS reference does it, as two pure functions: the box of a draw, and its filling."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def cutout_box(height: int, width: int, kept: float, x: int, y: int) -> tuple[int, int, int, int] | None:
    """Return x0, y0, x1, y1 of the box around the pixel (x, y), clipped to the image; None when nothing is left of it.

    Its sides are sqrt(1 - `kept`) of the image's, rounded down to whole and then to even pixels.
    """
    ratio = math.sqrt(1 - kept)
    half_width, half_height = int(width * ratio) // 2, int(height * ratio) // 2
    x0, x1 = max(0, x - half_width), min(width, x + half_width)
    y0, y1 = max(0, y - half_height), min(height, y + half_height)
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def fill_with_mean(image: Tensor, box: tuple[int, int, int, int]) -> None:
    """Give every pixel of the box in an image CxHxW the mean of the box, channel by channel; in place."""
    x0, y0, x1, y1 = box
    patch = image[:, y0:y1, x0:x1]
    patch.copy_(patch.mean(dim=(1, 2), keepdim=True).expand_as(patch))
