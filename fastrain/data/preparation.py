"""What some datasets' images go through before anything else: grey colour, dark rows and columns taken out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from fastrain.config import DataConfig

TOLERANCE = 7


@dataclass(frozen=True)
class Preparation:
    """Datasets (by slug) whose colour is shown grey, and those whose images lose what is dark throughout.

    MMDGFAS' published code does both to CeFA, the second to every modality by itself. With `edges_alone` dark rows and
    columns between bright ones stay.
    """

    grey: tuple[str, ...] = ()
    cut_black: tuple[str, ...] = ()
    edges_alone: bool = False

    @classmethod
    def of(cls, config: DataConfig) -> Preparation:
        """Return what a configuration asks for."""
        return cls(config.grey, config.cut_black, config.cut_black_as == "box")

    def apply(self, image: np.ndarray, dataset: str) -> np.ndarray:
        """Return an image, rgb (S,S,3) or one channel (S,S), as that dataset's are to be seen, at its size."""
        if dataset in self.cut_black:
            kept = without_black(image, edges_alone=self.edges_alone)
            if kept.shape != image.shape:
                image = cv2.resize(kept, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        return grey(image) if dataset in self.grey and image.ndim == 3 else image


def grey(image: np.ndarray) -> np.ndarray:
    """Return the rgb image with its lightness in all three channels."""
    return np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[:, :, None], 3, axis=2)


def without_black(image: np.ndarray, *, edges_alone: bool = False) -> np.ndarray:
    """Return the image without its rows and columns that are nowhere brighter than 7 of 255; all dark: as it is.

    They go wherever they lie unless `edges_alone`, and how bright a coloured pixel is says the weight of green with
    those of red and blue exchanged: both as published (`process/data_fusion_cefa.py:68-86`).
    """
    lightness = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if image.ndim == 3 else image
    bright = lightness > (TOLERANCE if image.dtype == np.uint8 else TOLERANCE * 257)
    rows, columns = bright.any(axis=1), bright.any(axis=0)
    if not rows.any():
        return image
    if edges_alone:
        (top, bottom), (left, right) = (np.flatnonzero(lines)[[0, -1]] for lines in (rows, columns))
        return image[top : bottom + 1, left : right + 1]
    return image[np.ix_(rows, columns)]
