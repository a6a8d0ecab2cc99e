"""Sessions on the small library, on one CPU."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from fasdata.library import Library
from fastrain.networks.checkpoint import Checkpoint
from fastrain.run.plan import check_settings, make_plan
from fastrain.run.request import RunRequest
from fastrain.run.session import Session
from fastrain.train.devices import open_devices
from fastrain.train.engine import checkpoint_path
from tests.fastrain.world import TINY_ERM, TINY_GAC, TINY_HFN

SETTINGS = {"erm": TINY_ERM, "gac_fas": TINY_GAC, "hfn_mp": TINY_HFN}


class Killed(BaseException):
    """Stands for a process that dies: nothing in the engine may catch it and tidy up."""


def request(method: str, library: Library, out: Path, *overrides: str, **options: Any) -> RunRequest:
    """Return a request for a tiny run."""
    wanted = {"protocol": "CIO-M", "data": str(library.root), "accelerator": "cpu", "out": str(out), **options}
    return RunRequest(method=method, overrides=(*SETTINGS[method], *overrides), **wanted)


def session(wanted: RunRequest) -> Session:
    """Return a new session for a request, as a new process would make it."""
    plan = make_plan(wanted, check_settings(wanted))
    plan.run.write_config(plan.config)
    plan.run.write_json("run.json", {**plan.facts(), "status": "running"})
    return Session(plan, open_devices("cpu", "1", wanted.precision or "32-true"))


def before_step(training: Session, do: Callable[[int], None]) -> None:
    """Let `do(iteration)` run before every training step of a session."""
    step = training.method.training_step

    def stepping(batch: Any, ctx: Any) -> Any:
        do(ctx.iteration)
        return step(batch, ctx)

    training.method.training_step = stepping  # type: ignore[method-assign]


def die_at(training: Session, iteration: int) -> None:
    """Let the session die when it comes to `iteration`."""

    def dying(now: int) -> None:
        if now == iteration:
            raise Killed

    before_step(training, dying)


def last(folder: Path, name: str = "last") -> Checkpoint:
    """Return a checkpoint of a run."""
    return Checkpoint.read(checkpoint_path(folder / "checkpoints", name))


def assert_same_checkpoint(first: Checkpoint, second: Checkpoint) -> None:
    """Compare two checkpoints to the last bit, all but the seconds spent."""
    assert set(first.tensors) == set(second.tensors)
    differing = [name for name, tensor in first.tensors.items() if not torch.equal(tensor, second.tensors[name])]
    assert not differing
    assert {**first.facts, "seconds": 0} == {**second.facts, "seconds": 0}


def log(folder: Path) -> list[dict[str, Any]]:
    """Return the lines of metrics.jsonl."""
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
