"""One training step of each method on one device or several, to be compared: `python two_devices.py DEVICES OUT`."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from fastrain.context import TrainingContext
from fastrain.devices import open_devices
from fastrain.methods.base import Batch
from tests.methods.tiny import images, tiny

# Small steps: the comparison is of gradients, which must not drown in what a step before made different.
CHANGES: dict[str, dict[str, Any]] = {
    "erm": {},
    "hfn_mp": {"optimiser": "sgd", "inner_loops": 2},
    "gac_fas": {"alpha": 0.3, "eta": 0.01},
}


class Shares:
    """A loader that gives each device its part of a batch: the first domains to the first device."""

    def __init__(self, rank: int, devices: int) -> None:
        self.rank, self.devices, self.drawn = rank, devices, 0

    def draw(self, domains: Sequence[int]) -> Batch:
        self.drawn += 1
        whole = images(domains, per_group=2, seed=self.drawn)
        size = len(whole["label"]) // self.devices
        mine = slice(self.rank * size, (self.rank + 1) * size)
        views = [{name: image[mine] for name, image in view.items()} for view in whole["views"]]
        rest = {name: whole[name][mine] for name in ("label", "domain", "group", "id")}
        return {**rest, "views": views, "modalities": views[0]}


class Watched(TrainingContext):
    """Keeps the gradients that every optimiser step takes."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.taken: list[dict[str, Tensor]] = []

    def step(self, name: str) -> None:
        super().step(name)
        assert self._method is not None
        named = self._method.named_parameters()
        self.taken.append({key: p.grad.clone() for key, p in named if p.grad is not None})


def gradients(name: str, fabric: Fabric) -> list[dict[str, Tensor]]:
    """Return the gradients of one iteration, step by step."""
    method = tiny(name, **CHANGES[name]).double()
    method.train()
    for module in method.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    context = Watched(
        fabric,
        method.configure(),
        Shares(fabric.global_rank, fabric.world_size),  # type: ignore[arg-type]
        SimpleNamespace(torch=torch.Generator(), python=random.Random(0)),
        dtype=torch.float64,
        n_domains=method.n_domains,
        steps_per_epoch=1,
        method=method,
    )
    context.move_to(1)
    method.training_step(None if method.draws_own_batches else context.draw(range(method.n_domains)), context)
    return context.taken


if __name__ == "__main__":
    opened = open_devices("cpu", sys.argv[1], "64-true", threads=1)
    found = {name: gradients(name, opened) for name in CHANGES}
    opened.barrier()
    if opened.is_global_zero:
        torch.save(found, Path(sys.argv[2]))
