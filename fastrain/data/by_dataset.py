"""What the images of some datasets go through before anything else: grey colour, dark rows and columns taken out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from fasdata.errors import UserError

if TYPE_CHECKING:
    from fastrain.config import DataConfig

TOLERANCE = 7


@dataclass(frozen=True)
class Preparation:
    """Show some datasets (by slug) in grey, and cut rows and columns that are dark throughout from some.

    MMDGFAS' published code does both to CeFA, and cuts every modality by itself. With `edges_alone` dark rows and
    columns between bright ones stay.
    """

    grey: tuple[str, ...] = ()
    cut_black: tuple[str, ...] = ()
    edges_alone: bool = False

    @property
    def datasets(self) -> tuple[str, ...]:
        """The datasets that are shown otherwise than they are, each once."""
        return tuple(sorted({*self.grey, *self.cut_black}))

    def as_for(self, dataset: str, name: str) -> Preparation:
        """Return what is done to a dataset's images as what is done to those of another, `name`.

        Raises:
            UserError: nothing is done to them; names those that something is done to.
        """
        if dataset not in self.datasets:
            raise UserError(
                f"nothing is done to the images of {dataset!r} before they are shown",
                expected=" or ".join(self.datasets) or "a network for which something is done to those of a dataset",
            )
        grey, cut = ((name,) if dataset in these else () for these in (self.grey, self.cut_black))
        return Preparation(grey, cut, self.edges_alone)

    @classmethod
    def of(cls, config: DataConfig) -> Preparation:
        """Return what a configuration asks for."""
        return cls(config.grey, config.cut_black, config.cut_black_as == "box")

    def apply(self, image: np.ndarray, dataset: str) -> np.ndarray:
        """Return an image of that dataset, rgb (S,S,3) or one channel (S,S), prepared, at its own size."""
        if dataset in self.cut_black:
            kept = without_black(image, edges_alone=self.edges_alone)
            if kept.shape != image.shape:
                image = cv2.resize(kept, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        return grey(image) if dataset in self.grey and image.ndim == 3 else image


AS_THEY_ARE = Preparation()


def grey(image: np.ndarray) -> np.ndarray:
    """Return the rgb image with its lightness in all three channels."""
    return np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[:, :, None], 3, axis=2)


def without_black(image: np.ndarray, *, edges_alone: bool = False) -> np.ndarray:
    """Return the image without its rows and columns that are nowhere brighter than 7 of 255; all dark: as it is.

    With `edges_alone` only those at the edges go. The lightness of a coloured pixel exchanges the weights of red and
    blue. Both as published (`process/data_fusion_cefa.py:68-86`).
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
