"""The windows that the networks of MTCNN pass on, and the table of sums from which their pixels are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from fasdata.faces.region import Region

Suppress: TypeAlias = Callable[[np.ndarray, np.ndarray, float], np.ndarray]
"""Of boxes (K, 4), scores (K,) and an IoU, the places of those to keep, best first."""

THRESHOLDS = (0.6, 0.7, 0.7)  # from which score a window passes the first, second and third network
FACTOR = 0.709  # between the sizes at which the first network sees a frame

# -- Windows, and the rules that move and thin them out ---------------------------------------------------------------


@dataclass(frozen=True)
class Windows:
    """K places that may hold a face: `boxes` (K, 4) float32, `scores` (K,), `moves` (K, 4) of the edges, and `frames`.

    `frames` (K,) tells in which frame of the batch each window lies.
    """

    boxes: np.ndarray
    scores: np.ndarray
    frames: np.ndarray
    moves: np.ndarray

    def __len__(self) -> int:
        return len(self.boxes)

    def take(self, places: np.ndarray) -> Windows:
        """Return the windows at these places."""
        return Windows(self.boxes[places], self.scores[places], self.frames[places], self.moves[places])

    def with_scores(self, scores: np.ndarray, moves: np.ndarray) -> Windows:
        """Return the same windows with the outputs of a network."""
        return Windows(self.boxes, scores, self.frames, moves)

    def with_boxes(self, boxes: np.ndarray) -> Windows:
        """Return the windows with other boxes."""
        return Windows(boxes, self.scores, self.frames, self.moves)

    def without_overlaps(self, overlap: float, suppress: Suppress) -> Windows:
        """Return the windows that overlap no better one of their frame by more than this IoU, best first."""
        kept = []
        for number in sorted(set(self.frames.tolist())):
            own = np.flatnonzero(self.frames == number)
            kept.append(own[suppress(self.boxes[own], self.scores[own], overlap)])
        return self.take(np.concatenate(kept)) if kept else self


def joined(parts: list[Windows]) -> Windows:
    """Return the windows of several searches as one."""
    return Windows(
        np.concatenate([part.boxes for part in parts]), np.concatenate([part.scores for part in parts]),
        np.concatenate([part.frames for part in parts]), np.concatenate([part.moves for part in parts]),
    )  # fmt: skip


def squared(boxes: np.ndarray) -> np.ndarray:
    """Return squares about the same centres, with the longer sides of the boxes."""
    lengths = boxes[:, 2:] - boxes[:, :2]
    longer = lengths.max(axis=1, keepdims=True)
    corner = boxes[:, :2] + lengths * np.float32(0.5) - longer * np.float32(0.5)
    return np.concatenate([corner, corner + longer], 1)


def moved(windows: Windows) -> np.ndarray:
    """Return the boxes with their edges moved by shares of their sides, the last pixel counted."""
    return windows.boxes + windows.moves * np.tile(windows.boxes[:, 2:] - windows.boxes[:, :2] + 1, 2)


def whole_pixels(boxes: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Return boxes in whole pixels (end exclusive), clipped to the parts `inside` (K, 4)."""
    pixels = boxes.astype(np.int64)  # towards zero
    # The networks were trained on 1-based corners: the first pixel is the one before x0.
    return np.concatenate([np.maximum(pixels[:, :2] - 1, inside[:, :2]), np.minimum(pixels[:, 2:], inside[:, 2:])], 1)


def without_overlapping(boxes: np.ndarray, scores: np.ndarray, overlap: float) -> np.ndarray:
    """Return the places of the boxes that overlap no better one by more than this IoU, best first.

    Of float32 boxes (K, 4) it keeps what torchvision's `nms` keeps, to the last bit.
    """
    low, high = boxes[:, :2], boxes[:, 2:]
    areas = (high - low).prod(axis=1)
    left = np.argsort(-scores, kind="stable")
    kept = []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(best)
        sides = np.maximum(np.minimum(high[best], high[left]) - np.maximum(low[best], low[left]), np.float32(0))
        common = sides[:, 0] * sides[:, 1]
        with np.errstate(divide="ignore", invalid="ignore"):  # boxes without an area overlap nothing
            share = (common / (areas[best] + areas[left] - common)).astype(np.float64)
        left = left[~(share > overlap)]
    return np.array(kept, dtype=np.int64)


def without_nested(boxes: np.ndarray, scores: np.ndarray, share: float) -> np.ndarray:
    """Suppress boxes that share more than `share` of the smaller area with a better one; return the places of the rest.

    The best come first.
    """
    low, high = boxes[:, :2], boxes[:, 2:]
    areas = np.prod(high - low + 1, axis=1)
    left = np.argsort(scores)[::-1]
    kept = []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(best)
        common = np.maximum(0, np.minimum(high[best], high[left]) - np.maximum(low[best], low[left]) + 1).prod(axis=1)
        left = left[common <= share * np.minimum(areas[best], areas[left])]
    return np.array(kept, dtype=int)


# -- Means over rectangles of a picture, from one table of sums: the same pixels at many sizes ------------------------


@dataclass(frozen=True)
class Cells:
    """Cells that share a length evenly: cell `i` of `of` covers floor(i·length/of) up to ceil((i+1)·length/of).

    Neighbours overlap by a pixel where the division leaves a rest, as in adaptive average pooling. `first` and `last`
    (exclusive) say which of them are meant.
    """

    length: int
    of: int
    first: int
    last: int

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Return where the cells start and end, whole pixels."""
        places = np.arange(self.first, self.last)
        return places * self.length // self.of, -(-(places + 1) * self.length // self.of)

    @property
    def span(self) -> tuple[int, int]:
        """The pixels that all cells together cover."""
        return self.first * self.length // self.of, -(-self.last * self.length // self.of)


class AreaSums:
    """The table of sums of a part of a frame; the mean over a rectangle inside it costs four look-ups.

    Rectangles may hold up to eight million pixels.
    """

    def __init__(self, frame: np.ndarray, part: Region) -> None:
        """Sum up the pixels of `part` of an RGB uint8 frame."""
        import cv2

        self.size = (frame.shape[1], frame.shape[0])
        self.part = part
        x0, y0, x1, y1 = part
        # 32-bit sums may run over in a large picture; differences of them are right all the same.
        self._sums = cv2.integral(frame[y0:y1, x0:x1])

    def grid(self, columns: Cells, rows: Cells) -> np.ndarray:
        """Return the mean of every cell as float32 (rows, columns, 3); all of them lie inside the part."""
        left, right = (edge - self.part[0] for edge in columns.bounds())
        top, bottom = (edge - self.part[1] for edge in rows.bounds())
        bands = self._sums[bottom] - self._sums[top]
        sums = (bands.take(right, axis=1) - bands.take(left, axis=1)).astype(np.float32)
        sums /= ((bottom - top)[:, None] * (right - left)).astype(np.float32)[:, :, None]
        return sums

    def squares(self, boxes: np.ndarray, side: int) -> np.ndarray:
        """Return boxes (K, 4: whole x0, y0, x1, y1, inside the part) as side x side means, float32 (K, s, s, 3)."""
        steps, start = np.arange(side), boxes[:, None, :2] - np.array(self.part[:2])
        lengths = (boxes[:, 2:] - boxes[:, :2])[:, None]
        low = start + steps[None, :, None] * lengths // side  # (K, s, 2)
        high = start - (-(steps[None, :, None] + 1) * lengths // side)
        flat, across = self._sums.reshape(-1, 3), self._sums.shape[1]
        left, right = low[:, None, :, 0], high[:, None, :, 0]
        top, bottom = low[:, :, None, 1] * across, high[:, :, None, 1] * across
        sums = flat.take(bottom + right, axis=0)
        sums -= flat.take(top + right, axis=0)
        sums += flat.take(top + left, axis=0)
        sums -= flat.take(bottom + left, axis=0)
        means = sums.astype(np.float32)
        means /= ((bottom - top) // across * (right - left)).astype(np.float32)[..., None]
        return means
