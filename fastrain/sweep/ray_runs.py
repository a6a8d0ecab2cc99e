"""Carry out the runs of a sweep as tasks of a Ray cluster; a run whose node is lost goes on at another one."""

from __future__ import annotations

import os
import platform
import signal
import sys
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from fasdata import __version__
from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.ray_cluster import RETRIES, ray_cluster, require_ray
from fasdata.stopping import stop_requested
from fastrain.sweep.local_runs import GRACE, WAKE
from fastrain.sweep.run_process import Outcome, RunProcess, Task, noted

PATIENCE = 30.0  # seconds without an outcome, after which the cluster is checked for a node that can take a run


@dataclass(frozen=True)
class Shared:
    """What every node has to have as it is here: folders at these paths, and our version."""

    working: Path
    sweep: Path
    library: Path
    version: str = __version__

    @classmethod
    def of(cls, task: Task) -> Shared:
        """Return what the runs of a sweep share."""
        library = Library.locate(Path(task.request.data) if task.request.data else None)
        return cls(Path.cwd(), task.sweep.resolve(), library.root.resolve())


@dataclass(frozen=True)
class RayRuns:
    """Tasks of the cluster at `address`; each takes so many GPUs and cores, which Ray deals out.

    Without `gpus` a run takes one if the cluster has any. At most `workers` runs are begun at once, by default as many
    as the cluster has room for.
    """

    address: str = ""
    gpus: int | None = None
    cores: int = 1
    workers: int | None = None

    @classmethod
    def on(
        cls, address: str, accelerator: str | None, per_run: str | None, threads: int | None, workers: int | None
    ) -> RayRuns:
        """Return the executor; `per_run` are the devices of a run, `threads` those it computes with on the processor.

        Raises:
            UserError: Ray is not installed; devices are named, which Ray deals out.
        """
        require_ray()
        if per_run and not per_run.isdecimal():
            raise UserError(f"--devices {per_run} with --executor ray", expected="how many: Ray deals out the GPUs")
        size = int(per_run or 1)
        on_processor = accelerator in ("cpu", "mps")
        named = accelerator in ("cuda", "gpu") or per_run
        return cls(address, 0 if on_processor else size if named else None, size * (threads or 1), workers)

    def outcomes(self, tasks: Sequence[Task]) -> Generator[Outcome]:
        """Yield how each run ended, as they end. Once a stop is requested none is begun, and those at work save.

        Raises:
            UserError: no cluster at the address; a node has another version, or does not see a folder.
        """
        waiting = list(reversed(tasks))
        at_work: dict[Any, Task] = {}
        with ray_cluster(self.address) as ray:
            gpus = self._gpus(ray)
            begin = ray.remote(
                num_cpus=self.cores, num_gpus=gpus, max_retries=RETRIES, scheduling_strategy="SPREAD", max_calls=0
            )(carried_out).remote
            shared, until, last = ray.put(Shared.of(tasks[0])), 0.0, 0.0
            while waiting or at_work:
                if stop_requested() and not until:
                    waiting, until = [], time.monotonic() + GRACE
                    for reference in at_work:
                        ray.cancel(reference, force=False)
                while waiting and len(at_work) < (self.workers or len(tasks)):
                    task = waiting.pop()
                    at_work[begin(shared, task)] = task
                for reference in ray.wait(list(at_work), num_returns=1, timeout=WAKE)[0] if at_work else ():
                    last = time.monotonic()
                    yield _outcome(ray, reference, at_work.pop(reference))
                if until and time.monotonic() > until:
                    return
                if time.monotonic() - last > PATIENCE and not until:
                    last = time.monotonic()
                    self._require_room(ray, gpus)

    def _gpus(self, ray: Any) -> int:
        return self.gpus if self.gpus is not None else int(ray.cluster_resources().get("GPU", 0) > 0)

    def _require_room(self, ray: Any, gpus: int) -> None:
        """Say that no node, however idle, can take a run, where that is so: one may join."""
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        if not any(node.get("CPU", 0) >= self.cores and node.get("GPU", 0) >= gpus for node in nodes):
            wanted = f"{self.cores} cores" + (f" and {gpus} GPUs" if gpus else "")
            print(f"no node of the Ray cluster has {wanted}; waiting for one to join", file=sys.stderr)


def carried_out(shared: Shared, task: Task) -> Outcome:
    """Carry out a run in a child of this process of some node; a task that is cancelled lets it save first."""
    node = f"the node {platform.node()} of the Ray cluster"
    if shared.version != __version__:
        raise UserError(f"{node} has another version of fastrain", expected=shared.version, found=__version__)
    for folder in (shared.working, shared.sweep, shared.library):
        if not folder.is_dir():
            raise UserError(
                f"{node} does not see {folder}",
                expected="working folder, sweep and library at the same paths on every node (a shared file system)",
            )
    os.chdir(shared.working)  # which relative paths and code of the user's are meant from
    environment = {"FASDATA_DATA": str(shared.library)}
    if "CUDA_VISIBLE_DEVICES" in os.environ:  # Ray's choice for this task: processes serve many
        environment["CUDA_VISIBLE_DEVICES"] = os.environ["CUDA_VISIBLE_DEVICES"]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored below a shell's background jobs
    process = RunProcess(task, environment)
    try:
        while not wait([process.sentinel], WAKE):  # a cancellation is seen between two waits
            pass
    except KeyboardInterrupt:
        process.stop()
    return process.outcome()


def _outcome(ray: Any, reference: Any, task: Task) -> Outcome:
    try:
        outcome: Outcome = ray.get(reference)
        return outcome
    except ray.exceptions.TaskCancelledError:
        return Outcome(task.name, "stopped")
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, UserError):
            raise UserError(str(error.cause)) from None
        raise
    except ray.exceptions.RayError:
        outcome = Outcome(task.name, "failed", f"its node, or Ray's process there, was lost {RETRIES + 1} times")
        noted(task, outcome)
        return outcome
