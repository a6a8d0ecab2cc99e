"""The three networks of MTCNN and what happens between them, on whole frames or near a known place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torchvision.ops import nms

from fasdata.faces.areas import AreaSums, Cells
from fasdata.faces.mtcnn import FACTOR, THRESHOLDS
from fasdata.records import Box


CELL, STRIDE = 12, 2  # pixels of the first network's window, and its step
PIXELS_AT_ONCE = {
    "cpu": 8 * 48 * 48,
    "gpu": 4 << 20,
}  # what a network is shown in one go: it fits the cache, the memory
BLOCK = 8  # searched places are whole blocks of pixels wide: few shapes, for each of which a CPU has to plan anew


@dataclass(frozen=True)
class Found:
    """Faces of one frame, best first: boxes (n, 4), five points (n, 5, 2) and scores (n,), float32, source pixels."""

    boxes: np.ndarray
    points: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True)
class _Windows:
    """Places that may hold a face: boxes (K, 4), scores (K,), the frame of the batch of each (K,), how to move (K, 4)."""

    boxes: np.ndarray
    scores: np.ndarray
    frames: np.ndarray
    moves: np.ndarray

    def of(self, chosen: np.ndarray) -> _Windows:
        return _Windows(*(value[chosen] for value in vars(self).values()))

    def unlike(self, overlap: float) -> _Windows:
        """Return those that stay, best first in each frame, when the ones go that overlap a better one more."""
        kept = []
        for number in sorted(set(self.frames.tolist())):
            own = np.flatnonzero(self.frames == number)
            boxes, scores = torch.from_numpy(self.boxes[own]), torch.from_numpy(self.scores[own])
            kept.append(own[nms(boxes, scores, overlap).numpy()])
        return self.of(np.concatenate(kept)) if kept else self


class Cascade:
    """Multi-task cascaded convolutional networks (Zhang et al. 2016), with the weights of facenet-pytorch.

    The arithmetic is that of its `detect_face`, step by step, so that both find the same to a small fraction of a
    pixel. What differs: pictures are made smaller through a table of sums, and a search may be held to one place,
    where it finds what a search of the whole frame finds there.
    """

    def __init__(self, device: str) -> None:
        """Load the networks from the installed package."""
        from facenet_pytorch.models.mtcnn import ONet, PNet, RNet

        self.device = torch.device(device)
        self._at_once = PIXELS_AT_ONCE["cpu" if self.device.type == "cpu" else "gpu"]
        # Channels last: on a CPU pooling is several times as fast in this layout.
        self._p, self._r, self._o = (
            net().eval().to(self.device, memory_format=torch.channels_last) for net in (PNet, RNet, ONet)
        )

    def whole(self, frames: Sequence[np.ndarray], scales: Sequence[float]) -> list[Found]:
        """Return the faces of frames of one size; `scales` are the first network's pixels per source pixel."""
        height, width = frames[0].shape[:2]
        grids = [(_all_cells(width, scale), _all_cells(height, scale), scale) for scale in scales]
        return self._search([AreaSums(frame, (0, 0, width, height)) for frame in frames], grids)

    def near(self, frame: np.ndarray, place: Box, scales: Sequence[float]) -> Found:
        """Return the faces of a frame inside `place`, as `whole` finds them there with these scales."""
        height, width = frame.shape[:2]
        grids = [
            (_cells(width, scale, place[0], place[2]), _cells(height, scale, place[1], place[3]), scale)
            for scale in scales
        ]
        x, y = ([grid[axis].span for grid in grids] for axis in (0, 1))
        spare = int(max(place[2] - place[0], place[3] - place[1]) / 4)  # windows may grow over the edge
        part = (
            max(0, min(low for low, _ in x) - spare), max(0, min(low for low, _ in y) - spare),
            min(width, max(high for _, high in x) + spare), min(height, max(high for _, high in y) + spare),
        )  # fmt: skip
        return self._search([AreaSums(frame, part)], grids)[0]

    @torch.inference_mode()
    def at(self, frame: np.ndarray, place: Box) -> Found:
        """Return what the third network alone sees in the square around `place`: one face, or none."""
        height, width = frame.shape[:2]
        boxes = _squared(np.array([place], np.float32))
        part = _whole_pixels(boxes, np.array([[0, 0, width, height]]))[0]
        nothing = np.zeros(1, np.float32), np.zeros(1, np.int64), np.zeros((1, 4), np.float32)
        if part[0] >= part[2] or part[1] >= part[3]:
            return Found(boxes[:0], np.zeros((0, 5, 2), np.float32), nothing[0][:0])
        return self._settled([AreaSums(frame, tuple(part.tolist()))], _Windows(boxes, *nothing))[0]

    @torch.inference_mode()
    def _search(self, pictures: Sequence[AreaSums], grids: Sequence[tuple[Cells, Cells, float]]) -> list[Found]:
        windows = self._proposed(pictures, grids)
        windows = self._refined(pictures, windows)
        return self._settled(pictures, windows)

    def _proposed(self, pictures: Sequence[AreaSums], grids: Sequence[tuple[Cells, Cells, float]]) -> _Windows:
        """First network: windows of every scale that look like a face, moved to where it says."""
        found = [self._proposed_at(pictures, *grid) for grid in grids]
        windows = _Windows(
            *(np.concatenate(parts) for parts in zip(*(vars(one).values() for one in found), strict=True))
        )
        windows = windows.unlike(0.7)
        lengths = windows.boxes[:, 2:] - windows.boxes[:, :2]
        boxes = _squared(windows.boxes + windows.moves * np.tile(lengths, 2))
        return _Windows(boxes, windows.scores, windows.frames, windows.moves)

    def _proposed_at(self, pictures: Sequence[AreaSums], columns: Cells, rows: Cells, scale: float) -> _Windows:
        seen = np.stack([picture.grid(columns, rows) for picture in pictures])
        moves, scores = self._answers(self._p, seen)
        frames, down, across = np.nonzero(scores[:, 1] >= THRESHOLDS[0])
        corner = np.stack([across * STRIDE + columns.first, down * STRIDE + rows.first], 1).astype(np.float32)
        step = np.float32(scale)
        boxes = np.concatenate([np.floor((corner + 1) / step), np.floor((corner + CELL) / step)], 1)
        return _Windows(boxes, scores[frames, 1, down, across], frames, moves[frames, :, down, across]).unlike(0.5)

    def _refined(self, pictures: Sequence[AreaSums], windows: _Windows) -> _Windows:
        """Second network: fewer windows, better placed."""
        windows, (moves, scores) = self._judged(self._r, pictures, windows, 24)
        windows = _Windows(windows.boxes, scores[:, 1], windows.frames, moves)
        windows = windows.of(windows.scores > THRESHOLDS[1]).unlike(0.7)
        return _Windows(_squared(_moved(windows)), windows.scores, windows.frames, windows.moves)

    def _settled(self, pictures: Sequence[AreaSums], windows: _Windows) -> list[Found]:
        """Third network: score, box and five points."""
        windows, (moves, points, scores) = self._judged(self._o, pictures, windows, 48)
        kept = scores[:, 1] > THRESHOLDS[2]
        windows = _Windows(windows.boxes, scores[:, 1], windows.frames, moves).of(kept)
        lengths = windows.boxes[:, 2:] - windows.boxes[:, :2] + 1
        places = points[kept].reshape(-1, 2, 5).transpose(0, 2, 1) * lengths[:, None] + windows.boxes[:, None, :2] - 1
        boxes, found = _moved(windows), []
        for number in range(len(pictures)):
            own = np.flatnonzero(windows.frames == number)
            own = own[_without_nested(boxes[own], windows.scores[own])]
            found.append(Found(boxes[own], places[own], windows.scores[own]))
        return found

    def _judged(
        self, net: torch.nn.Module, pictures: Sequence[AreaSums], windows: _Windows, side: int
    ) -> tuple[_Windows, list[np.ndarray]]:
        """Return what a network says of every window; those of which nothing lies inside the picture are left out."""
        boxes = _whole_pixels(windows.boxes, np.array([picture.part for picture in pictures])[windows.frames])
        there = (boxes[:, 2:] > boxes[:, :2]).all(1)
        boxes, windows = boxes[there], windows.of(there)
        seen = np.zeros((max(1, len(boxes)), side, side, 3), np.float32)
        for number, picture in enumerate(pictures):
            own = np.flatnonzero(windows.frames == number)
            seen[own] = picture.squares(boxes[own], side)
        return windows, [answer[: len(boxes)] for answer in self._answers(net, seen)]

    def _answers(self, net: torch.nn.Module, seen: np.ndarray) -> list[np.ndarray]:
        """Return what a network says of pictures (K, h, w, 3)."""
        seen -= 127.5
        seen *= 0.0078125
        batch = torch.from_numpy(seen).to(self.device).permute(0, 3, 1, 2)
        said = [net(part) for part in batch.split(max(1, self._at_once // (batch.shape[2] * batch.shape[3])))]
        return [torch.cat(parts).cpu().numpy() for parts in zip(*said, strict=True)]


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


def _whole_pixels(boxes: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Return boxes in whole pixels (end exclusive), clipped to the parts `inside`."""
    whole = boxes.astype(np.int64)  # towards zero
    # The networks were trained on 1-based corners: the first pixel is the one before x0.
    return np.concatenate([np.maximum(whole[:, :2] - 1, inside[:, :2]), np.minimum(whole[:, 2:], inside[:, 2:])], 1)


def _squared(boxes: np.ndarray) -> np.ndarray:
    """Return boxes with equal sides, the longer one's, about the same centre."""
    lengths = boxes[:, 2:] - boxes[:, :2]
    longer = lengths.max(axis=1, keepdims=True)
    corner = boxes[:, :2] + lengths * np.float32(0.5) - longer * np.float32(0.5)
    return np.concatenate([corner, corner + longer], 1)


def _moved(windows: _Windows) -> np.ndarray:
    """Return the boxes with their edges moved by shares of their sides, the last pixel counted."""
    return windows.boxes + windows.moves * np.tile(windows.boxes[:, 2:] - windows.boxes[:, :2] + 1, 2)


def _without_nested(boxes: np.ndarray, scores: np.ndarray, overlap: float = 0.7) -> np.ndarray:
    """Return which boxes stay, best first: those go that share more than `overlap` of the smaller with a better one."""
    low, high = boxes[:, :2], boxes[:, 2:]
    areas = np.prod(high - low + 1, axis=1)
    left = np.argsort(scores)[::-1]
    kept = []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(best)
        shared = np.maximum(0, np.minimum(high[best], high[left]) - np.maximum(low[best], low[left]) + 1).prod(axis=1)
        left = left[shared <= overlap * np.minimum(areas[best], areas[left])]
    return np.array(kept, dtype=int)
