"""The three networks of MTCNN, one after the other: on complete frames, near a known place, or at it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fasdata.faces.cascade_networks import Networks
from fasdata.faces.cascade_windows import (
    FACTOR,
    THRESHOLDS,
    AreaSums,
    Cells,
    Windows,
    joined,
    moved,
    squared,
    whole_pixels,
    without_nested,
)
from fasdata.records import Box

CELL, STRIDE = 12, 2  # pixels of the first network's window, and its step
BLOCK = 8  # searched places are whole blocks of pixels wide: few shapes, for each of which a CPU has to plan anew


@dataclass(frozen=True)
class Detections:
    """Faces of one frame, best first: boxes (n, 4), five points (n, 5, 2) and scores (n,), float32, source pixels."""

    boxes: np.ndarray
    points: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True)
class _Level:
    """One size at which the first network sees (a part of) a frame; `scale` is its pixels per source pixel."""

    scale: float
    columns: Cells
    rows: Cells


class Cascade:
    """Multi-task cascaded convolutional networks (Zhang et al. 2016), with the weights of facenet-pytorch.

    The arithmetic is that of its `detect_face`, step by step, so that both find the same to a small fraction of a
    pixel. Two things differ: pictures are made smaller through a table of sums, and a search may be limited to one
    place, where it finds what a search of the complete frame finds there.
    """

    def __init__(self, networks: Networks) -> None:
        """Search with these three networks, whatever computes them."""
        self._networks = networks

    def detect(self, frames: Sequence[np.ndarray], scales: Sequence[float]) -> list[Detections]:
        """Return the faces of frames of one size; `scales` are the first network's pixels per source pixel."""
        height, width = frames[0].shape[:2]
        levels = [_Level(scale, _all_cells(width, scale), _all_cells(height, scale)) for scale in scales]
        return self._search([AreaSums(frame, (0, 0, width, height)) for frame in frames], levels)

    def detect_near(self, frame: np.ndarray, place: Box, scales: Sequence[float]) -> Detections:
        """Return the faces of a frame inside `place`, as `detect` finds them there with these scales."""
        height, width = frame.shape[:2]
        levels = [
            _Level(scale, _cells(width, scale, place[0], place[2]), _cells(height, scale, place[1], place[3]))
            for scale in scales
        ]
        x, y = [level.columns.span for level in levels], [level.rows.span for level in levels]
        spare = int(max(place[2] - place[0], place[3] - place[1]) / 4)  # windows may grow over the edge
        part = (
            max(0, min(low for low, _ in x) - spare), max(0, min(low for low, _ in y) - spare),
            min(width, max(high for _, high in x) + spare), min(height, max(high for _, high in y) + spare),
        )  # fmt: skip
        return self._search([AreaSums(frame, part)], levels)[0]

    def refine(self, frame: np.ndarray, place: Box) -> Detections:
        """Return the face that the third network alone finds in the square around `place`, if any."""
        boxes = squared(np.array([place], np.float32))
        part = whole_pixels(boxes, np.array([[0, 0, frame.shape[1], frame.shape[0]]]))[0]
        if part[0] >= part[2] or part[1] >= part[3]:
            return Detections(boxes[:0], np.zeros((0, 5, 2), np.float32), np.zeros(0, np.float32))
        x0, y0, x1, y1 = (int(edge) for edge in part)
        unknown = np.zeros(1, np.float32), np.zeros(1, np.int64), np.zeros((1, 4), np.float32)
        return self._output([AreaSums(frame, (x0, y0, x1, y1))], Windows(boxes, *unknown))[0]

    def _search(self, pictures: Sequence[AreaSums], levels: Sequence[_Level]) -> list[Detections]:
        windows = self._propose(pictures, levels)
        windows = self._refine(pictures, windows)
        return self._output(pictures, windows)

    def _propose(self, pictures: Sequence[AreaSums], levels: Sequence[_Level]) -> Windows:
        """First network: windows of every size that look like a face, moved as it says."""
        windows = joined([self._propose_at(pictures, level) for level in levels]).without_overlaps(
            0.7, self._networks.suppress
        )
        lengths = windows.boxes[:, 2:] - windows.boxes[:, :2]
        return windows.with_boxes(squared(windows.boxes + windows.moves * np.tile(lengths, 2)))

    def _propose_at(self, pictures: Sequence[AreaSums], level: _Level) -> Windows:
        pixels = np.stack([picture.grid(level.columns, level.rows) for picture in pictures])
        moves, scores = self._run("pnet", pixels)
        frames, down, across = np.nonzero(scores[:, 1] >= THRESHOLDS[0])
        first = np.array([level.columns.first, level.rows.first])
        corner = (np.stack([across, down], 1) * STRIDE + first).astype(np.float32)
        scale = np.float32(level.scale)
        boxes = np.concatenate([np.floor((corner + 1) / scale), np.floor((corner + CELL) / scale)], 1)
        windows = Windows(boxes, scores[frames, 1, down, across], frames, moves[frames, :, down, across])
        return windows.without_overlaps(0.5, self._networks.suppress)

    def _refine(self, pictures: Sequence[AreaSums], windows: Windows) -> Windows:
        """Second network: fewer windows, better placed."""
        windows, (moves, scores) = self._run_on_windows("rnet", pictures, windows, 24)
        windows = windows.with_scores(scores[:, 1], moves)
        windows = windows.take(np.flatnonzero(windows.scores > THRESHOLDS[1])).without_overlaps(
            0.7, self._networks.suppress
        )
        return windows.with_boxes(squared(moved(windows)))

    def _output(self, pictures: Sequence[AreaSums], windows: Windows) -> list[Detections]:
        """Third network: score, box and five points."""
        windows, (moves, points, scores) = self._run_on_windows("onet", pictures, windows, 48)
        kept = np.flatnonzero(scores[:, 1] > THRESHOLDS[2])
        windows, points = windows.with_scores(scores[:, 1], moves).take(kept), points[kept]
        lengths = windows.boxes[:, 2:] - windows.boxes[:, :2] + 1
        places = points.reshape(-1, 2, 5).transpose(0, 2, 1) * lengths[:, None] + windows.boxes[:, None, :2] - 1
        boxes, detections = moved(windows), []
        for number in range(len(pictures)):
            own = np.flatnonzero(windows.frames == number)
            own = own[without_nested(boxes[own], windows.scores[own], 0.7)]
            detections.append(Detections(boxes[own], places[own], windows.scores[own]))
        return detections

    def _run_on_windows(
        self, net: str, pictures: Sequence[AreaSums], windows: Windows, side: int
    ) -> tuple[Windows, list[np.ndarray]]:
        """Return the windows that reach into their picture, and the outputs of a network for them."""
        boxes = whole_pixels(windows.boxes, np.array([picture.part for picture in pictures])[windows.frames])
        inside = np.flatnonzero((boxes[:, 2:] > boxes[:, :2]).all(1))
        boxes, windows = boxes[inside], windows.take(inside)
        pixels = np.zeros((max(1, len(boxes)), side, side, 3), np.float32)
        for number, picture in enumerate(pictures):
            own = np.flatnonzero(windows.frames == number)
            pixels[own] = picture.squares(boxes[own], side)
        return windows, [output[: len(boxes)] for output in self._run(net, pixels)]

    def _run(self, net: str, pixels: np.ndarray) -> list[np.ndarray]:
        """Return the outputs of a network for pictures (K, h, w, 3); their values are overwritten."""
        pixels -= 127.5
        pixels *= 0.0078125
        step = max(1, self._networks.at_once // (pixels.shape[1] * pixels.shape[2]))
        outputs = [self._networks.run(net, pixels[start : start + step]) for start in range(0, len(pixels), step)]
        return [np.concatenate(parts) if len(parts) > 1 else parts[0] for parts in zip(*outputs, strict=True)]


def pyramid(width: int, height: int, first: float) -> list[float]:
    """Return the scales from `first` on, each 0.709 of the one before, down to where the picture fills one window."""
    scales, shorter = [], min(width, height) * first
    while shorter >= CELL:
        scales.append(first)
        first, shorter = first * FACTOR, shorter * FACTOR
    return scales


def _all_cells(length: int, scale: float) -> Cells:
    of = int(length * scale + 1)
    return Cells(length, of, 0, of)


def _cells(length: int, scale: float, low: float, high: float) -> Cells:
    """Return the cells of a picture `length` pixels long, made smaller by `scale`, that cover `low` to `high`.

    The first is an even one and their number is even, unless the picture ends there: the network's windows then lie
    exactly where they lie on the whole picture.
    """
    of = int(length * scale + 1)
    wanted = -(-math.ceil((high - low) * scale) // BLOCK) * BLOCK + BLOCK
    first = int((low + high) / 2 * scale - wanted / 2)
    first = max(0, min(first, of - wanted)) // STRIDE * STRIDE
    return Cells(length, of, first, min(of, first + wanted))
