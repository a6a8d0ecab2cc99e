"""Samples to views: stored crops, warped to what a network sees."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING

import numpy as np

from fasdata.errors import UserError

if TYPE_CHECKING:
    from fasdata.faces.view import View
    from fasdata.store.reader import Store
    from fastrain.data.samples import Samples


class Images:
    """The rendered views of `samples` in some `modalities`, read from `stores` (by dataset) when asked for.

    rgb is uint8 (S,S,3); depth and ir are (S,S) with the bits of the store. They get the warp of rgb where the release
    is registered; otherwise each is stretched whole. With `cache` every view is kept after its first use. Reading is
    safe from several threads.

    Raises:
        UserError: samples lack what the view is aligned by, or the views would not fit in memory.
    """

    def __init__(
        self,
        samples: Samples,
        stores: Mapping[str, Store],
        view: View,
        *,
        modalities: Sequence[str] = ("rgb",),
        cache: bool = False,
    ) -> None:
        self.samples = samples
        self.modalities = tuple(modalities)
        self.size = view.size
        self._stores = stores
        self._view = view
        self._kept: dict[int, dict[str, np.ndarray]] | None = {} if cache else None
        _check_geometry(samples, view)
        if cache:
            pixels = view.size**2 * sum(3 if name == "rgb" else 2 for name in self.modalities)
            _check_memory(len(samples) * pixels, samples.part)

    def relabelled(self, samples: Samples) -> Images:
        """Return the same images (and the same memory of them) with other labels."""
        other = copy(self)
        other.samples = samples
        return other

    def load(self, i: int) -> dict[str, np.ndarray]:
        """Return the view of sample `i` in every modality that it has."""
        if self._kept is None:
            return self._all(i)
        if i not in self._kept:
            self._kept[i] = self._all(i)
        return self._kept[i]

    def colour(self, i: int) -> np.ndarray:
        """Return the rgb view of sample `i`, whatever the network sees."""
        return self.load(i)["rgb"] if "rgb" in self.modalities else self._render(i, "rgb")

    def depth_unit(self, i: int) -> str:
        """Return what a depth value of sample `i` means: relative, mm, scaled-65535, or "" when unknown."""
        return str(self._store(i).info.config.get("depth_unit", "")) if "depth" in self.modalities else ""

    def _all(self, i: int) -> dict[str, np.ndarray]:
        return {name: self._render(i, name) for name in self.modalities if self.samples.available[name][i]}

    def _render(self, i: int, modality: str) -> np.ndarray:
        s, store = self.samples, self._store(i)
        crop = store.crop(s.clip_id(i), int(s.frame_index[i]), modality)
        if modality == "rgb":
            return self._view.render(crop, s.region[i], float(s.scale[i]), s.box[i], s.landmarks[i])
        if store.info.config.get("registered") == "none":
            return self._view.whole(crop)
        return self._view.render(crop, s.region[i], None, s.box[i], s.landmarks[i])

    def _store(self, i: int) -> Store:
        return self._stores[self.samples.datasets[self.samples.dataset[i]]]


def _check_geometry(samples: Samples, view: View) -> None:
    what = "landmarks" if view.needs_landmarks else "box"
    numbers = samples.landmarks[:, :, 0] if view.needs_landmarks else samples.box
    lacking = np.flatnonzero(np.isnan(numbers).any(axis=1))
    if len(lacking):
        raise UserError(
            f"the view {view.name} needs the {what} of every face",
            found=f"{len(lacking)} {samples.part} samples without, such as {samples.sample_id(int(lacking[0]))}",
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
