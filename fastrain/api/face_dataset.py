"""The faces of a manifest as a map-style data set of torch, with the tensors that training and scoring here see."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import ValidationError
from torch.utils.data import Dataset

from fasdata.api.browse import OpenedLibrary
from fasdata.api.manifest_by_name import manifest as manifest_of
from fasdata.errors import UserError, unknown_name
from fasdata.faces.own_view import name_view
from fasdata.faces.view import View
from fasdata.library import Library
from fasdata.manifests.manifest import Manifest
from fasdata.manifests.table import PARTS
from fasdata.records import MODALITIES
from fastrain.augmentation import AugmentConfig
from fastrain.data.batches import BatchMemory, collate, ordered_batches
from fastrain.data.image_source import image_source
from fastrain.data.images import Images
from fastrain.data.loader import PositionalRandom
from fastrain.data.samples import Samples
from fastrain.data.transforms import augment_into, output_side, views_of

Sample = dict[str, Any]


class FaceDataset(Dataset[Sample]):
    """The usable frames of one part of a manifest, in its order.

    A sample is a batch of one without its first axis: `modalities` (by name, float32 (C, S, S) in [0, 1] unless
    `augment` normalises), `label` (1 = bona fide), `domain` (the source, -1 = target), `group` (2 x domain + label),
    `available` (which modalities it has; what it lacks is zero), all tensors, and `id`, a string. `collate` makes the
    batch of samples that methods here receive: pass it to `DataLoader`. Its pixels are those of `fastrain run`, from a
    pack where there is one that fits.

    `augment` are settings of `data.augment`. As validation does, its random steps are left out; with `random` they are
    taken, anew in each epoch that `set_epoch` names: a function of seed, epoch and position alone, so that workers
    change nothing. Stores are opened in the process that reads from them, so workers may fork or spawn.

    Raises:
        UserError: as `fasdata.manifest`; a store is missing or changed since; no such part, view or modality, a part
            without frames, a face without what the view goes by, or an unfit setting.

    >>> from torch.utils.data import DataLoader
    >>> import fastrain
    >>> faces = fastrain.FaceDataset("CIO-M", data="data", view="box(size=32)", part="train")
    >>> len(faces), faces[0]["id"], faces[0]["modalities"]["rgb"].shape
    (24, 'casia-fasd/s0__bonafide/3', torch.Size([3, 32, 32]))
    >>> batch = next(iter(DataLoader(faces, batch_size=8, collate_fn=faces.collate)))
    >>> batch["modalities"]["rgb"].shape, batch["label"].tolist()
    (torch.Size([8, 3, 32, 32]), [1, 1, 0, 0, 1, 1, 0, 0])
    """

    def __init__(
        self,
        manifest: Manifest | str | Path,
        view: str | View = "mxnet-256",
        *,
        part: str = "train",
        data: str | Path | OpenedLibrary | None = None,
        modalities: Sequence[str] = ("rgb",),
        augment: AugmentConfig | Mapping[str, Any] | None = None,
        random: bool = False,
        seed: int = 0,
        images: Literal["auto", "store", "pack"] = "auto",
        cache: bool = False,
    ) -> None:
        self.manifest = manifest if isinstance(manifest, Manifest) else manifest_of(manifest, data=data)
        self.view = view if isinstance(view, View) else View.named(name_view(view))
        self.augment, self.random, self.seed, self.epoch = _settings(augment), random, seed, 0
        for name in modalities:
            if name not in MODALITIES:
                raise unknown_name("modality", name, MODALITIES)
        if part not in PARTS:
            raise unknown_name("part", part, PARTS)
        library = data.library if isinstance(data, OpenedLibrary) else Library.locate(Path(data) if data else None)
        with self.manifest.in_use(library) as claims:
            self.samples = Samples.of(self.manifest, part)
            if not len(self.samples):
                raise UserError(f"{self.manifest.meta['canonical']} has no usable frame in part {part}")
            self.samples.require(modalities)
            self.images = Images(
                self.samples,
                self.manifest.open_stores(library),
                self.view,
                modalities=modalities,
                cache=cache,
                pack=image_source(images, library, self.manifest, self.view).of(part),
            )
            self._release: Callable[[], object] = weakref.finalize(self, claims.pop_all().close)

    @property
    def labels(self) -> np.ndarray:
        """The label of every sample, int64 (N,), with 1 = bona fide."""
        return self.samples.label.astype(np.int64)

    @property
    def domains(self) -> np.ndarray:
        """The source of every sample, int64 (N,), by its place in the manifest's sources; -1 for the target."""
        return self.samples.domain.astype(np.int64)

    @property
    def ids(self) -> list[str]:
        """The id of every sample, `<dataset>/<clip>/<frame>`."""
        return self.samples.sample_ids(np.arange(len(self)))

    def set_epoch(self, epoch: int) -> None:
        """Let the random steps of this epoch be drawn; call it before the loader is iterated."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, i: int) -> Sample:
        return self.__getitems__([i])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Sample]:
        """Return several samples; torch's loader asks for those of a batch together."""
        members = np.array([self._place(i) for i in indices], np.int64)
        batch = self._changed(members) if self.random else next(self._plain(members))
        return [_sample_of(batch, place) for place in range(len(members))]

    def _place(self, i: int) -> int:
        place = int(i) + len(self) if i < 0 else int(i)
        if not 0 <= place < len(self):
            raise IndexError(f"sample {i} of {len(self)}")
        return place

    def _plain(self, members: np.ndarray) -> Any:
        return ordered_batches(self.images, self.augment, members, size=len(members))

    def _changed(self, members: np.ndarray) -> dict[str, Any]:
        """Return a batch whose images were changed at random."""
        config, images = self.augment, self.images
        drawn = PositionalRandom(self.seed, self.epoch)
        memory = BatchMemory(images.modalities, len(members), output_side(config, images.size, random=True))
        for place, i in enumerate(members.tolist()):
            rng = drawn.at(i)
            write = partial(
                augment_into, config=config, rng=rng, depth_unit=images.depth_unit(i), views=views_of(config, rng)
            )
            memory.fill(place, images.load(i), write)
        return collate(images, members, [(memory, 0, len(members))])

    @staticmethod
    def collate(samples: Sequence[Sample]) -> dict[str, Any]:
        """Return the batch of samples: what `fastrain.methods.base.Method` receives."""
        joined: dict[str, Any] = {}
        for key, value in samples[0].items():
            of_all = [sample[key] for sample in samples]
            if isinstance(value, dict):
                joined[key] = {name: torch.stack([of[name] for of in of_all]) for name in value}
            else:
                joined[key] = torch.stack(of_all) if isinstance(value, torch.Tensor) else of_all
        return joined

    def close(self) -> None:
        """Give the datasets free again, which are claimed for reading until then, or until nobody has this any more."""
        self._release()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_release": _nothing}  # a claim belongs to its process, which outlives its workers


def _nothing() -> None:
    """Release what another process has claimed."""


def _settings(augment: AugmentConfig | Mapping[str, Any] | None) -> AugmentConfig:
    if isinstance(augment, AugmentConfig):
        return augment
    try:
        return AugmentConfig.model_validate(dict(augment or {}))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise UserError(f"augment, {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _sample_of(batch: Mapping[str, Any], place: int) -> Sample:
    return {
        key: {name: of[place] for name, of in value.items()} if isinstance(value, dict) else value[place]
        for key, value in batch.items()
    }
