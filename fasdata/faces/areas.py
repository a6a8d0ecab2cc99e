"""Means over rectangles of a picture, from one table of sums: how a detector sees the same pixels at many sizes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fasdata.faces.region import Region


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
