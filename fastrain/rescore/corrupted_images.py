"""Images that are corrupted as they are read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fasdata.faces.view import View
from fastrain.data.images import Images
from fastrain.rescore.corruptions import Corruption


class CorruptedImages(Images):
    """The images of `images`, each corrupted; all that is made of them (`only`, `with_view`, …) is corrupted alike.

    The corruption of a picture is a function of `seed`, kind, severity and its row in the manifest.
    """

    def __init__(self, images: Images, corruption: Corruption, seed: int) -> None:
        self.__dict__.update(vars(images))
        self._corruption, self._seed = corruption, seed

    def with_view(self, view: View) -> CorruptedImages:
        """Return the same samples in another view, corrupted alike."""
        shown = super().with_view(view)
        return self if shown is self else CorruptedImages(shown, self._corruption, self._seed)

    def load(self, i: int) -> dict[str, np.ndarray]:
        """Return the view of sample `i` in every modality that it has, each corrupted."""
        rng = self._rng(i)
        return {name: self._corruption.apply(image, rng) for name, image in super().load(i).items()}

    def read_into(self, members: Sequence[int], modality: str, block: np.ndarray) -> bool:
        """Return that pictures come one by one, by `load`: a piece of a batch at a time they would come as they are."""
        return False

    def colour(self, i: int) -> np.ndarray:
        """Return the corrupted rgb view of sample `i`, even where the network sees other modalities."""
        if "rgb" in self.modalities:
            return self.load(i)["rgb"]
        return self._corruption.apply(super().colour(i), self._rng(i))

    def _rng(self, i: int) -> np.random.Generator:
        place = (self._seed, self._corruption.severity, sum(self._corruption.kind.encode()), int(self.samples.row[i]))
        return np.random.default_rng(place)
