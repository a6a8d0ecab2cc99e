"""Rules of whole runs in a toy world: a killed one is resumed to the last bit, a finished one goes all the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import torch

from fastrain.conformance.rule import Rule, require
from fastrain.conformance.toy_world import PROTOCOL, picture_of, world_in
from fastrain.conformance.toys import Toy
from fastrain.networks.checkpoint import Checkpoint
from fastrain.run.request import RunRequest
from fastrain.run.run import run
from fastrain.rundir import RunDir

ITERATIONS, EPOCH, KILLED_AT = 8, 4, 6
BATCHES = ("batch_per_group=2", "batch_items=8", "workers=0", "log_every=2", "validate_every_epochs=1")
LENGTH = (f"max_iterations={ITERATIONS}", f"steps_per_epoch={EPOCH}")
ALIKE = 1e-4  # scores of a bundle and of its run


class _Killed(BaseException):
    """Stands for a process that dies."""


def _trained(toy: Toy, name: str, seed: int = 0) -> Path:
    """Return the folder of a finished toy run; it is trained the first time."""
    out = toy.folder / name
    if not (out / "report.html").is_file():
        with _quiet():
            run(_request(toy, out, seed))
    return out


def _request(toy: Toy, out: Path, seed: int) -> RunRequest:
    tiny = [f"model.{key}={json.dumps(value)}" for key, value in toy.trial.tiny.items()]
    settings = (*tiny, f"image_size={toy.size}", *BATCHES, *LENGTH, *toy.trial.run, f"train.seed={seed}")
    library = world_in(toy.folder)
    return RunRequest(
        method=toy.name, protocol=PROTOCOL, data=str(library.root), accelerator="cpu", out=str(out), overrides=settings
    )


def _resumed_run(toy: Toy) -> str:
    straight, killed = _trained(toy, "straight"), toy.folder / "killed"
    step = toy.kind.training_step

    def dying(method: Any, batch: Any, ctx: Any) -> Any:
        if ctx.iteration == KILLED_AT:
            raise _Killed
        return step(method, batch, ctx)

    try:
        toy.kind.training_step = dying  # type: ignore[method-assign, assignment]
        with _quiet():
            run(_request(toy, killed, 0))
        require(False, f"training made no step {KILLED_AT}")
    except _Killed:
        pass
    finally:
        toy.kind.training_step = step  # type: ignore[method-assign]
    with _quiet():
        run(RunRequest(resume=str(killed)))
    first, second = (Checkpoint.read(RunDir(path).checkpoints / "last.safetensors") for path in (straight, killed))
    apart = [key for key, value in first.tensors.items() if not torch.equal(value, second.tensors[key])]
    require(not apart, f"{', '.join(apart[:3])} differs after a kill in step {KILLED_AT}")
    require({**first.facts, "seconds": 0} == {**second.facts, "seconds": 0}, "the facts of the checkpoints differ")
    return f"{ITERATIONS} steps, killed in step {KILLED_AT}: {len(first.tensors)} tensors alike"


def _all_the_way(toy: Toy) -> str:
    from fastrain.bundle.export import ExportRequest, export
    from fastrain.bundle.finding import Recording
    from fastrain.bundle.loading import load
    from fastrain.compare.compare import compare
    from fastrain.report.run_report import write_report
    from fastrain.rescore.other_data import Asked, score_again

    first, second = _trained(toy, "straight"), _trained(toy, "second", seed=1)
    with _quiet():
        again = score_again(first, Asked(protocol=PROTOCOL, data=str(world_in(toy.folder).root)))
        write_report([first, second], toy.folder / "report.html")
        table = compare([first, second])
        export(ExportRequest(first, toy.folder / "toy.fasb"))
        recording = Recording("face", {name: picture_of(toy.folder)[name] for name in load(first).modalities})
        answers = [next(load(path).judge([recording])).answer for path in (first, toy.folder / "toy.fasb")]
    require(toy.name in table, "the comparison does not name it")
    own, anew = ((path / "scores.csv").read_text().splitlines() for path in (first, again.path))
    require(len(own) == len(anew), f"scored again, there are {len(anew)} scores and not {len(own)}")
    scores = [getattr(answer, "score", None) for answer in answers]
    require(None not in scores, "; ".join(str(answer) for answer in answers))
    apart = abs(scores[0] - scores[1])  # type: ignore[operator]
    require(apart <= ALIKE, f"its bundle scores a picture {apart:.2g} from what the run does")
    return "run, eval, report, compare, export, predict"


@contextmanager
def _quiet() -> Iterator[None]:
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        yield


RUN_RULES = (
    Rule("killed run", "a killed run is resumed to the last bit", _resumed_run, quick=False),
    Rule("all the way", "a run goes from training to the answer of its bundle", _all_the_way, quick=False),
)
