"""Show how training goes to TensorBoard, Weights & Biases or MLflow. What leaves a run for them is in `Tracked`."""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from fasdata.errors import UserError, unknown_name

NONE = "none"
DEFAULT = "tensorboard"
PROJECT = "fastrain"
_PATH = re.compile(r"(^|[:=@, ])(/|~|\.\.?/)|\\")  # absolute, of a home, relative, an address, or of Windows
_PACKAGES = {"tensorboard": "tensorboard", "wandb": "wandb", "mlflow": "mlflow"}


@dataclass(frozen=True)
class Tracked:
    """All that trackers are told of a run beside its numbers: no path, no machine, nobody's name.

    `name` is that of the run's folder, `folder` is where a tracker that writes files does so, `begun` what tells this
    run from others of its name; `settings` are flat.
    """

    name: str
    folder: Path
    begun: str
    settings: Mapping[str, Any]

    @classmethod
    def of(cls, folder: Path, begun: str, settings: Mapping[str, Any]) -> Tracked:
        """Return what is to be told of a run; a setting that is a path on this machine is left out."""
        return cls(folder.resolve().name, folder, begun, dict(_public(settings)))

    @property
    def id(self) -> str:
        """Return the same id whenever this run goes on."""
        return sha256(f"{self.begun} {self.name}".encode()).hexdigest()[:16]


class Tracker(Protocol):
    """A place that shows how a run goes."""

    def log(self, values: Mapping[str, float], iteration: int) -> None:
        """Add numbers, which may be not finite, at an iteration."""

    def conclude(self, values: Mapping[str, float], iteration: int) -> None:
        """Add the results of the run."""

    def close(self, *, finished: bool) -> None:
        """Write what is not written; `finished` or to be gone on with."""


def trackers_named(text: str | None) -> tuple[str, ...]:
    """Return the trackers that a text names, separated by commas; TensorBoard by default.

    Raises:
        UserError: one is unknown, or its package is not installed.

    >>> trackers_named(None), trackers_named("none")
    (('tensorboard',), ())
    """
    names = tuple(dict.fromkeys(name.strip() for name in (text or DEFAULT).split(",")))
    for name in names:
        if name not in (*_PACKAGES, NONE):
            raise unknown_name("tracker", name, (*_PACKAGES, NONE))
        if name == NONE and len(names) > 1:
            raise UserError(f"--track {text}", expected="none alone, or names separated by commas")
        if name != NONE and find_spec(_PACKAGES[name]) is None:
            raise UserError(f"--track {name} needs the package {_PACKAGES[name]}", do=f"pip install 'fasdata[{name}]'")
    return tuple(name for name in names if name != NONE)


class Trackers:
    """Several trackers as one; one that fails on the way is given up with a note, and stops no training."""

    def __init__(self, trackers: Mapping[str, Tracker]) -> None:
        self._trackers = dict(trackers)

    def log(self, values: Mapping[str, float], iteration: int) -> None:
        """Add numbers at an iteration."""
        self._each(lambda tracker: tracker.log(values, iteration))

    def conclude(self, values: Mapping[str, float], iteration: int) -> None:
        """Add the results of the run."""
        self._each(lambda tracker: tracker.conclude(values, iteration))

    def close(self, *, finished: bool) -> None:
        """Write what is not written."""
        self._each(lambda tracker: tracker.close(finished=finished))

    def _each(self, do: Callable[[Tracker], None]) -> None:
        for name, tracker in list(self._trackers.items()):
            try:
                do(tracker)
            except Exception as error:  # of a library: a server that is gone, a full disk
                del self._trackers[name]
                print(f"note: {name} is told no more: {' '.join(str(error).split())[:300]}", file=sys.stderr)


@contextmanager
def opened(names: Sequence[str], tracked: Tracked, start: int) -> Iterator[Trackers]:
    """Give the trackers of a run that goes on after iteration `start`; they are closed at the end.

    Raises:
        UserError: one cannot be opened.
    """
    trackers: dict[str, Tracker] = {}
    for name in names:
        try:
            trackers[name] = _KINDS[name](tracked, start)
        except Exception as error:  # of a library: no key, no server
            Trackers(trackers).close(finished=False)
            raise UserError(
                f"--track {name} cannot be used", found=" ".join(str(error).split())[:300],
                do=f"see the documentation of {name}, or leave it out",
            ) from error  # fmt: skip
    together = Trackers(trackers)
    finished = False
    try:
        yield together
        finished = True
    finally:
        together.close(finished=finished)


# -- Each of them ------------------------------------------------------------------------------------------------------


class TensorBoardEvents:
    """Event files in the folder `tensorboard` of the run; what an earlier process wrote after `start` is hidden."""

    def __init__(self, tracked: Tracked, start: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        folder = str(tracked.folder / "tensorboard")
        self._events = SummaryWriter(folder, purge_step=start + 1)  # type: ignore[no-untyped-call]

    def log(self, values: Mapping[str, float], iteration: int) -> None:
        for name, value in values.items():
            self._events.add_scalar(name, value, iteration)  # type: ignore[no-untyped-call]

    def conclude(self, values: Mapping[str, float], iteration: int) -> None:
        self.log(values, iteration)

    def close(self, *, finished: bool) -> None:
        self._events.close()  # type: ignore[no-untyped-call]


class WandbRun:
    """A run of Weights & Biases, by default offline in the folder `wandb` of the run: `wandb sync` sends it.

    `WANDB_MODE=online` sends it at once, `WANDB_PROJECT` is another project. The library itself would note down the
    machine, the command, the repository, packages, and what is printed: all of that is switched off.
    """

    def __init__(self, tracked: Tracked, start: int) -> None:
        import wandb

        quiet = wandb.Settings(
            mode=os.environ.get("WANDB_MODE", "offline"),  # type: ignore[arg-type]
            root_dir=str(tracked.folder), host="", username="", email="", program="", console="off", silent=True,
            disable_git=True, disable_code=True, save_code=False, x_save_requirements=False, x_disable_meta=True,
            x_disable_stats=True, x_disable_machine_info=True,
        )  # fmt: skip
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT), name=tracked.name, id=tracked.id, resume="allow",
            config=dict(tracked.settings), settings=quiet,
        )  # fmt: skip

    def log(self, values: Mapping[str, float], iteration: int) -> None:
        self._run.log(dict(values), step=iteration)

    def conclude(self, values: Mapping[str, float], iteration: int) -> None:
        self._run.summary.update(dict(values))

    def close(self, *, finished: bool) -> None:
        self._run.finish(exit_code=0 if finished else 1)


class MlflowRun:
    """A run of MLflow, by default in files in the folder `mlflow` of the run; `MLFLOW_TRACKING_URI` is another place.

    It is made by the client alone, which notes down neither user nor source.
    """

    def __init__(self, tracked: Tracked, start: int) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # which mlflow-skinny has no other store beside
        from mlflow import MlflowClient
        from mlflow.entities import Metric, Param

        place = os.environ.get("MLFLOW_TRACKING_URI") or (tracked.folder.resolve() / "mlflow").as_uri()
        self._metric, self._client = Metric, MlflowClient(tracking_uri=place)
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
        known = self._client.get_experiment_by_name(name)
        experiment = known.experiment_id if known else self._client.create_experiment(name)
        before = self._client.search_runs([experiment], f"tags.fastrain_id = '{tracked.id}'", max_results=1)
        if before:
            self._id = before[0].info.run_id
            self._client.update_run(self._id, status="RUNNING")
            return
        made = self._client.create_run(experiment, run_name=tracked.name, tags={"fastrain_id": tracked.id})
        self._id = made.info.run_id
        settings = [Param(key, str(value)[:500]) for key, value in tracked.settings.items()]
        for begin in range(0, len(settings), 100):  # as many as one request may hold
            self._client.log_batch(self._id, params=settings[begin : begin + 100])

    def log(self, values: Mapping[str, float], iteration: int) -> None:
        metrics = [self._metric(name, value, 0, iteration) for name, value in values.items() if math.isfinite(value)]
        self._client.log_batch(self._id, metrics=metrics)

    def conclude(self, values: Mapping[str, float], iteration: int) -> None:
        self.log(values, iteration)

    def close(self, *, finished: bool) -> None:
        self._client.set_terminated(self._id, "FINISHED" if finished else "KILLED")


_KINDS: dict[str, Callable[[Tracked, int], Tracker]] = {
    "tensorboard": TensorBoardEvents,
    "wandb": WandbRun,
    "mlflow": MlflowRun,
}


# -- What a setting may tell -------------------------------------------------------------------------------------------


def _public(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield settings as `model.lr`, and those that are paths without their value."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _public(value, f"{prefix}{name}.")
        else:
            yield prefix + name, "(a path)" if _is_path(value) else value


def _is_path(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(_is_path(item) for item in value)
    if not isinstance(value, str):
        return False
    if _PATH.search(value):
        return True
    with suppress(OSError, ValueError):  # too long, or no name of a file at all
        return "/" in value and Path(value).exists()
    return False
