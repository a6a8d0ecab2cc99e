"""Toy images that a network can tell apart, and a method small enough to learn them in a blink."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fastrain.conformance.memory_context import MemoryContext
from fastrain.methods.base import Batch, Method
from fastrain.methods.settings import FileOf, MethodSettings, Trial
from fastrain.networks.checkpoint import Checkpoint
from fastrain.run.settings import layered, resolve

SIZE = 32
DOMAINS = 3
MODALITIES = ("rgb", "depth", "ir")


def images(domains: Sequence[int], *, per_group: int = 2, size: int = SIZE, seed: int = 0, views: int = 2) -> Batch:
    """Return a fixed batch: bona fide images smooth, attacks striped, each domain of its own brightness.

    Depth and infrared follow from the colours. `views` counts augmentations of each: mirrored but for the first.
    """
    generator = torch.Generator().manual_seed(seed)
    stripes = 0.3 * (torch.arange(size) % 4 < 2).float().expand(3, size, size)
    pictures, labels, groups = [], [], []
    for domain in domains:
        for label in (1, 0):
            noise = 0.1 * torch.rand(per_group, 3, size, size, generator=generator)
            pictures.append(0.2 + 0.1 * domain + noise + (0 if label else stripes))
            labels += [label] * per_group
            groups += [2 * domain + label] * per_group
    group, rgb = torch.tensor(groups), torch.cat(pictures)
    modalities = {"rgb": rgb, "depth": rgb[:, :1] ** 2, "ir": 1 - rgb[:, 1:2]}
    return {
        "modalities": modalities,
        "views": [{name: image.flip(3) if n else image for name, image in modalities.items()} for n in range(views)],
        "label": torch.tensor(labels),
        "domain": group // 2,
        "group": group,
        "id": [f"clip{index}/0" for index in range(len(labels))],
        "available": {name: torch.ones(len(labels), dtype=torch.bool) for name in MODALITIES},
    }


def some_of(batch: Batch, members: Tensor) -> Batch:
    """Return the members of a batch, in the order in which they are named."""
    views = [{name: image[members] for name, image in view.items()} for view in batch["views"]]
    rest = {name: batch[name][members] for name in ("label", "domain", "group")}
    available = {name: known[members] for name, known in batch["available"].items()}
    ids = [batch["id"][int(k)] for k in members]
    return {**rest, "views": views, "modalities": views[0], "id": ids, "available": available}


def unlabelled(batch: Batch) -> Batch:
    """Return what a method may look at when it scores: no label, no domain, no group."""
    return {**{name: batch[name] for name in ("modalities", "available", "id")}, "part": "test"}


def trained(method: Method, steps: int, *, size: int = SIZE, steps_per_epoch: int = 100) -> MemoryContext:
    """Train on the fixed images and leave the method ready to score."""
    views = max(2, method.views)
    context = MemoryContext(
        method, lambda domains: images(domains, size=size, views=views), steps_per_epoch=steps_per_epoch
    )
    for _ in range(steps):
        context.run_step()
    method.eval()
    return context


def scored(method: Method, batch: Batch) -> Tensor:
    """Return the scores of a batch, as the engine asks for them."""
    with torch.no_grad():
        return method.eval().predict(batch)


@dataclass(frozen=True)
class Toy:
    """A method that is checked, by the name it goes by, as small as its settings say; `folder` takes files it needs.

    With `preset` it has the settings of that preset, but for those that make it small.
    """

    name: str
    kind: type[Method]
    folder: Path
    factor: int = 1
    """How many times as long the sides of its images are as its settings say."""
    preset: str = ""

    @property
    def size(self) -> int:
        """The side of its images."""
        return self.trial.size * self.factor

    @cached_property
    def settings(self) -> type[MethodSettings]:
        """Its settings."""
        return self.kind.Config

    @cached_property
    def trial(self) -> Trial:
        """What its settings declare for a check."""
        trial = self.settings.trial()
        if not self.preset:
            return trial
        model = resolve(layered(self.name, self.preset)).model
        return replace(trial, tiny={**model, **self.settings.tiny_of(model)})

    def tiny(self, *, seed: int = 0, **changes: Any) -> Method:
        """Return a small network, with `changes` to its settings; the same `seed` gives the same one."""
        torch.manual_seed(seed)
        settings = self.settings(**{**self.trial.tiny, **self.with_files(changes)})
        return self.kind(settings, n_domains=DOMAINS, image_size=self.size)

    def larger(self) -> Toy:
        """Return the same for images of twice the side."""
        return replace(self, factor=2 * self.factor)

    def side_of_training(self, method: Method) -> int:
        """Return the side of its training images."""
        if not self.trial.crop:
            return self.size
        return int(getattr(self.settings_of(method), self.trial.crop))

    def settings_of(self, method: Method) -> Any:
        """Return the settings that a network was built with; a method keeps them as `config`."""
        return getattr(method, "config", None) or self.settings(**self.trial.tiny)

    def batch(self, *, seed: int = 0, views: int = 2) -> Batch:
        """Return a batch of all domains to score."""
        return images(range(DOMAINS), size=self.size, seed=seed, views=views)

    def trained(self, method: Method, steps: int, *, steps_per_epoch: int = 100) -> MemoryContext:
        """Train a network on the fixed images; see `trained`."""
        return trained(method, steps, size=self.side_of_training(method), steps_per_epoch=steps_per_epoch)

    # -- Files that settings name --------------------------------------------------------------------------------------

    def with_files(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Return changes to settings with the path of a new file for every `FileOf`."""
        return {key: str(self._file(value)) if isinstance(value, FileOf) else value for key, value in changes.items()}

    def _file(self, wanted: FileOf) -> Path:
        path = self.folder / f"{self.name}-{wanted.what}-{wanted.seed}.safetensors"
        if not path.is_file():
            self._write(wanted, path)
        return path

    def _write(self, wanted: FileOf, path: Path) -> None:
        from operator import attrgetter

        from safetensors.torch import save_file

        if wanted.what == "trunk":
            from fastrain.networks.trunk import pooled_trunk

            torch.manual_seed(wanted.seed)
            trunk, _ = pooled_trunk(self.trial.tiny["trunk"], dict(self.trial.tiny.get("trunk_kwargs", {})))
            save_file(trunk.state_dict(), path)
            return
        method = self.tiny(seed=wanted.seed)
        if wanted.what == "clip":
            from fastrain.networks.clip import open_clip_model

            settings = self.settings_of(method)
            model = open_clip_model(settings.clip, settings.clip_kwargs, self.size)
            save_file(model.state_dict(), path)
            return
        if wanted.what == "checkpoint":
            state = {f"method/{key}": value for key, value in method.state_dict().items()}
            Checkpoint(state, {"method": self.kind.name, "iteration": 1}).write(path)
            return
        save_file(attrgetter(wanted.what)(method).state_dict(), path)
