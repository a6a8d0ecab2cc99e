"""The view `native`: the face's box in stored pixels, cut and never resampled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from fasdata.faces.modalities import way_of

if TYPE_CHECKING:
    from fasdata.packs.renderer import Frame
    from fasdata.store.reader import Store

NAME = "native"
Window = tuple[int, int, int, int]


class Native:
    """Cuts the box out of stored crops; what a pre-cropped release stores whole stays whole.

    The box is taken to whole pixels towards zero and held inside the stored region, as preprocessing scripts do.
    """

    def __init__(self, stores: Mapping[str, Store]) -> None:
        self._stores = stores

    def require(self, used: Iterable[tuple[str, str]]) -> None:
        """Check that each (dataset, modality) can be cut.

        Raises:
            UserError: nobody knows where the face is in one of them.
        """
        for dataset, modality in sorted(used):
            way_of(self._stores[dataset].info.config, dataset, modality)

    def image(self, frame: Frame, modality: str) -> np.ndarray:
        """Return one modality of a frame with the bits and channels of the store.

        Raises:
            UserError: the store does not hold it, or it is damaged.
        """
        store = self._stores[frame.dataset]
        crop = store.crop(frame.clip_id, frame.frame_index, modality)
        if way_of(store.info.config, frame.dataset, modality) == "whole":
            return crop
        x0, y0, x1, y1 = box_window(frame, crop.shape[:2])
        return np.ascontiguousarray(crop[y0:y1, x0:x1])


def box_window(frame: Frame, shape: tuple[int, ...]) -> Window:
    """Return the box in pixels of the stored crop of `shape` (height, width): x0, y0, x1, y1, end exclusive.

    The whole crop where no box is known; at least one pixel.
    """
    if frame.box is None:
        return (0, 0, shape[1], shape[0])
    x0, x1 = _span(frame.box[0], frame.box[2], frame.region[0], frame.region[2], shape[1])
    y0, y1 = _span(frame.box[1], frame.box[3], frame.region[1], frame.region[3], shape[0])
    return (x0, y0, x1, y1)


def _span(low: float, high: float, start: int, end: int, stored: int) -> tuple[int, int]:
    scale = stored / (end - start)
    first = min(max(0, round((int(low) - start) * scale)), stored - 1)
    return first, max(first + 1, min(stored, round((int(high) - start) * scale)))
