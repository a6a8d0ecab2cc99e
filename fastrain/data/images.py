"""Samples to views: stored crops, warped to what a network sees."""

from __future__ import annotations

import os
from collections.abc import Mapping
from copy import copy
from typing import TYPE_CHECKING

import numpy as np

from fasdata.errors import UserError

if TYPE_CHECKING:
    from fasdata.faces.view import View
    from fasdata.store.reader import Store
    from fastrain.data.samples import Samples


class Images:
    """The rendered views of `samples`, uint8 (S,S,3) RGB, read from `stores` (by dataset) when asked for.

    With `cache` every view is kept after its first use. Reading is safe from several threads.

    Raises:
        UserError: samples lack what the view is aligned by, or the views would not fit in memory.
    """

    def __init__(self, samples: Samples, stores: Mapping[str, Store], view: View, *, cache: bool = False) -> None:
        self.samples = samples
        self._stores = stores
        self._view = view
        self._kept: dict[int, np.ndarray] | None = {} if cache else None
        _check_geometry(samples, view)
        if cache:
            _check_memory(len(samples) * view.size**2 * 3, samples.part)

    def relabelled(self, samples: Samples) -> Images:
        """Return the same images (and the same memory of them) with other labels."""
        other = copy(self)
        other.samples = samples
        return other

    def load(self, i: int) -> dict[str, np.ndarray]:
        """Return the view of sample `i` in every modality."""
        if self._kept is None:
            return {"rgb": self._render(i)}
        if i not in self._kept:
            self._kept[i] = self._render(i)
        return {"rgb": self._kept[i]}

    def _render(self, i: int) -> np.ndarray:
        s = self.samples
        crop = self._stores[s.datasets[s.dataset[i]]].crop(s.clip_id(i), int(s.frame_index[i]))
        return self._view.render(crop, s.region[i], float(s.scale[i]), s.box[i], s.landmarks[i])


def _check_geometry(samples: Samples, view: View) -> None:
    from fasdata.faces.view import BOX_VIEWS

    what = "box" if view.name in BOX_VIEWS else "landmarks"
    numbers = samples.box if what == "box" else samples.landmarks[:, :, 0]
    lacking = np.flatnonzero(np.isnan(numbers).any(axis=1))
    if len(lacking):
        raise UserError(
            f"the view {view.name} needs the {what} of every face",
            found=f"{len(lacking)} {samples.part} samples without, such as {samples.sample_id(int(lacking[0]))}",
            do=f"--set data.view={'mxnet-256' if what == 'box' else 'box'}",
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
