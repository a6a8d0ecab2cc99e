"""Samples to views: stored crops, prepared as their dataset needs it, warped to what a network sees."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING

import numpy as np

from fasdata.errors import UserError
from fasdata.packs.renderer import Frame, Renderer
from fastrain.data.by_dataset import Preparation

if TYPE_CHECKING:
    from fasdata.faces.view import View
    from fasdata.packs.pack import Pack
    from fasdata.store.reader import Store
    from fastrain.data.samples import Samples


class Images:
    """The views of `samples` in some `modalities`: read from `pack`, or else rendered from `stores` (by dataset).

    rgb is uint8 (S,S,3); depth and ir are (S,S) with the bits of the store. They get the warp of rgb where the release
    is registered; otherwise each full image is stretched. All go through `preparation`. With `cache` every view is kept
    after its first use. Reading is safe from several threads.

    Raises:
        UserError: samples lack what the view is aligned by, or the store what it shows, a modality cannot be placed on
            rgb, the pack does not hold all samples, the views would not fit in memory; later, an image of other
            channels or bits.
    """

    def __init__(
        self,
        samples: Samples,
        stores: Mapping[str, Store],
        view: View,
        *,
        modalities: Sequence[str] = ("rgb",),
        cache: bool = False,
        pack: Pack | None = None,
        preparation: Preparation | None = None,
    ) -> None:
        self.samples = samples
        self._preparation = preparation or Preparation()
        self._prepares = self._preparation != Preparation()
        self.modalities = tuple(modalities)
        self.size = view.size
        self._pack = pack
        self._stores, self._shown = stores, view
        self._renderer = Renderer(stores, view)
        self._kept: dict[int, dict[str, np.ndarray]] | None = {} if cache else None
        _check_geometry(samples, view)
        self._renderer.require(_dataset_modalities(samples, self.modalities))
        if pack:
            pack.require(samples.row, samples.part)
        else:
            self._renderer.require_stored(self._frame(i) for i in range(len(samples)))
        if cache:
            pixels = view.size**2 * sum(3 if name == "rgb" else 2 for name in self.modalities)
            _check_memory(len(samples) * pixels, samples.part)

    @property
    def cached(self) -> bool:
        """Whether views are kept after their first use."""
        return self._kept is not None

    def relabelled(self, samples: Samples) -> Images:
        """Return the same images, sharing the cache, with other labels."""
        other = copy(self)
        other.samples = samples
        return other

    def only(self, members: np.ndarray) -> Images:
        """Return some of the images, sharing the cache, in the given order."""
        return self.relabelled(self.samples.only(members))

    def with_view(self, view: View) -> Images:
        """Return the colour of the same samples in another view, rendered from the stores.

        Raises:
            UserError: as for the images themselves.
        """
        if view == self._shown and self.modalities == ("rgb",):
            return self
        return Images(self.samples, self._stores, view, preparation=self._preparation)

    def load(self, i: int) -> dict[str, np.ndarray]:
        """Return the view of sample `i` in every modality that it has."""
        if self._kept is None:
            return self._views(i)
        row = int(self.samples.row[i])
        if row not in self._kept:
            self._kept[row] = self._views(i)
        return self._kept[row]

    def read_into(self, members: Sequence[int], modality: str, block: np.ndarray) -> bool:
        """Write a modality of some samples that have it into `block`, one after the other; return whether they fit.

        They do if all are of its shape and bits; otherwise what it holds is undefined. From a raw pack they come there
        straight from the file.
        """
        direct = self._pack if self._kept is None and not self._prepares else None
        done = direct.read_into(self.samples.row[members], modality, block) if direct else None
        if done is not None:
            return done
        for i, place in zip(members, block, strict=True):
            image = self._view(i, modality) if self._kept is None else self.load(i)[modality]
            if image.shape != place.shape or image.dtype != place.dtype:
                return False
            place[:] = image
        return True

    def colour(self, i: int) -> np.ndarray:
        """Return the rgb view of sample `i`, even where the network sees other modalities."""
        return self.load(i)["rgb"] if "rgb" in self.modalities else self._view(i, "rgb")

    def depth_unit(self, i: int) -> str:
        """Return what a depth value of sample `i` means: relative, mm, scaled-65535, or "" when unknown."""
        return self._renderer.depth_unit(self._dataset(i)) if "depth" in self.modalities else ""

    def _views(self, i: int) -> dict[str, np.ndarray]:
        return {name: self._view(i, name) for name in self.modalities if self.samples.available[name][i]}

    def _view(self, i: int, modality: str) -> np.ndarray:
        image = self._pack.image(int(self.samples.row[i]), modality) if self._pack else self._rendered(i, modality)
        if not _fits(image, modality):
            self._refuse(image, modality, i)
        return self._preparation.apply(image, self._dataset(i)) if self._prepares else image

    def _rendered(self, i: int, modality: str) -> np.ndarray:
        return self._renderer.image(self._frame(i), modality)

    def _frame(self, i: int) -> Frame:
        s = self.samples
        place = (s.region[i], float(s.scale[i]), s.box[i], s.landmarks[i])
        return Frame(self._dataset(i), s.clip_id(i), int(s.frame_index[i]), *place)

    def _refuse(self, image: np.ndarray, modality: str, i: int) -> None:
        channels = image.shape[2] if image.ndim == 3 else 1
        raise UserError(
            f"{modality} of {self.samples.sample_id(i)} cannot be given to a network",
            expected="3 channels of 8 bits" if modality == "rgb" else "1 channel of 8 or 16 bits",
            found=f"{channels} channel{'s' if channels > 1 else ''} of {8 * image.itemsize} bits",
            do=f"extract {self._dataset(i)} again, or leave the modality out: --set model.modalities=[...]",
        )

    def _dataset(self, i: int) -> str:
        return self.samples.datasets[self.samples.dataset[i]]


def _fits(image: np.ndarray, modality: str) -> bool:
    if modality == "rgb":
        return image.ndim == 3 and image.shape[2] == 3 and image.dtype == np.uint8
    return image.ndim == 2 and image.dtype in (np.uint8, np.uint16)


def _dataset_modalities(samples: Samples, modalities: Sequence[str]) -> set[tuple[str, str]]:
    """Return the pairs of dataset and modality that these samples need."""
    datasets = {name: np.unique(samples.dataset[samples.available[name]]).tolist() for name in modalities}
    return {(samples.datasets[number], name) for name, numbers in datasets.items() for number in numbers}


def _check_geometry(samples: Samples, view: View) -> None:
    what = "landmarks" if view.needs_landmarks else "box"
    numbers = samples.landmarks[:, 0] if view.needs_landmarks else samples.box
    lacking = np.flatnonzero(np.isnan(numbers).any(axis=1))
    if len(lacking):
        raise UserError(
            f"the view {view.name} needs the {what} of every face",
            found=f"{len(lacking)} {samples.part} samples without them, such as {samples.sample_id(int(lacking[0]))}",
            do=f"--set data.view={'box' if view.needs_landmarks else 'mxnet-256'}",
        )


def _check_memory(needed: int, part: str) -> None:
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > free:
        raise UserError(
            f"the {part} images do not fit in memory",
            expected=f"{needed / 2**30:.1f} GiB",
            found=f"{free / 2**30:.1f} GiB free",
            do="run with --set data.cache=none",
        )
