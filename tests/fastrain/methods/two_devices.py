"""One iteration of each method and mode, on one device or several, to compare: `python two_devices.py DEVICES OUT`."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from fastrain.methods.base import Batch, Method
from fastrain.networks.checkpoint import Checkpoint
from fastrain.train.context import TrainingContext
from fastrain.train.devices import open_devices
from tests.fastrain.methods.tiny import images, tiny


class Case(NamedTuple):
    """One way to train: what is changed of the tiny settings, and how many optimiser steps an iteration has."""

    method: str
    changes: dict[str, Any]
    steps: int = 1


# Small steps: the comparison is of gradients, which must not drown in what a step before made different.
_META = {"optimiser": "sgd", "inner_loops": 2}
_CLIMB = {"alpha": 0.3, "eta": 0.01}
CASES = {
    "erm": Case("erm", {}),
    "hfn_mp, meta": Case("hfn_mp", _META, 3),
    "hfn_mp, meta, fusion network first": Case("hfn_mp", {**_META, "order": "hfn_first"}, 3),
    "hfn_mp, meta, reconstruction": Case("hfn_mp", {**_META, "lambda_rec": 0.5}, 3),
    "hfn_mp, sync": Case("hfn_mp", {"optimiser": "sgd", "mode": "sync", "lambda_rec": 0.5}),
    "hfn_mp, second stage": Case("hfn_mp", {"optimiser": "sgd", "mode": "second_stage"}),
    "gac_fas, head only": Case("gac_fas", {"warming_epochs": 1, "minimizer_warming": 2}),
    "gac_fas, plain": Case("gac_fas", {"minimizer_warming": 2}),
    "gac_fas, corrected": Case("gac_fas", _CLIMB),
    "gac_fas, literal": Case("gac_fas", {**_CLIMB, "behaviour": "literal"}),
    "gac_fas, released": Case("gac_fas", {**_CLIMB, "behaviour": "released"}),
    "gac_fas, two outputs": Case("gac_fas", {**_CLIMB, "loss": "ce"}),
    "sa_fas, with an idle head": Case("sa_fas", {"heads": 4, "contrastive_weight": 1.0}),
    "ssdg": Case("ssdg", {"lambda_triplet": 2.0, "grl_horizon": 10}),
    "gac_fas, no contrast": Case("gac_fas", {**_CLIMB, "contrastive_weight": 0.0}),
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


def gradients(case: Case, fabric: Fabric) -> list[dict[str, Tensor]]:
    """Return the gradients of one iteration, step by step."""
    method = _method(case).double()
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


def _method(case: Case) -> Method:
    if case.changes.get("mode") != "second_stage":
        return tiny(case.method, **case.changes)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "first.safetensors"
        first = {f"method/{key}": value for key, value in tiny(case.method, seed=5).state_dict().items()}
        Checkpoint(first, {"method": case.method, "iteration": 1}).write(path)
        return tiny(case.method, **case.changes, extractor=str(path))


if __name__ == "__main__":
    opened = open_devices("cpu", sys.argv[1], "64-true", threads=1)
    by_case = {name: gradients(case, opened) for name, case in CASES.items()}
    opened.barrier()
    if opened.is_global_zero:
        torch.save(by_case, Path(sys.argv[2]))
