"""Carry out the runs of a sweep on this machine: one a device, or several on the processor."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from typing import cast

from fasdata.cores import usable_cores
from fasdata.stopping import stop_requested
from fastrain.sweep.run_process import Outcome, RunProcess, Task

WAKE = 0.2  # seconds between two looks at whether a stop was requested
GRACE = 600.0  # seconds that runs get to save once one was


@dataclass(frozen=True)
class LocalRuns:
    """Child processes, one after the other in each of so many places; `devices` are handed out, one a place.

    Without devices a run computes on the processor, with `threads` each.
    """

    places: int
    devices: tuple[str, ...] = ()
    threads: int | None = None

    @classmethod
    def on(cls, accelerator: str | None, per_run: str | None, workers: int | None) -> LocalRuns:
        """Return the places of this machine: as many as CUDA has devices, else one; `workers` asks for another number.

        `per_run` are the devices of each run: a number shares those of the machine out, a list or `auto` takes its own.
        """
        devices = () if accelerator in ("cpu", "mps") else _cuda_devices()
        if per_run and not per_run.isdecimal():
            return cls(workers or 1)
        size = int(per_run or 1)
        devices = tuple(",".join(devices[at : at + size]) for at in range(0, len(devices) - size + 1, size))
        places = workers or len(devices) or 1
        if devices:
            return cls(places, devices)
        return cls(places, threads=max(1, usable_cores() // places) if places > 1 else None)

    def outcomes(self, tasks: Sequence[Task]) -> Generator[Outcome]:
        """Yield how each run ended, as they end. Once a stop is requested none is begun, and those at work save."""
        waiting, free = list(reversed(tasks)), list(reversed(range(self.places)))
        at_work: dict[int, tuple[int, RunProcess]] = {}
        until = 0.0
        try:
            while waiting or at_work:
                if stop_requested() and not until:
                    waiting, until = [], time.monotonic() + GRACE
                    for _, process in at_work.values():
                        process.stop()
                while waiting and free:
                    place = free.pop()
                    process = RunProcess(self._placed(waiting.pop()), self._environment(place))
                    at_work[process.sentinel] = place, process
                for handle in wait(list(at_work), WAKE):
                    place, process = at_work.pop(cast(int, handle))
                    free.append(place)
                    yield process.outcome()
                if until and time.monotonic() > until:
                    break
        finally:
            for _, process in at_work.values():
                process.kill()

    def _placed(self, task: Task) -> Task:
        if task.request.threads or os.environ.get("OMP_NUM_THREADS"):
            return task
        return replace(task, request=replace(task.request, threads=self.threads))

    def _environment(self, place: int) -> dict[str, str]:
        return {"CUDA_VISIBLE_DEVICES": self.devices[place % len(self.devices)]} if self.devices else {}


def _cuda_devices() -> tuple[str, ...]:
    """Return the CUDA devices of this process as `CUDA_VISIBLE_DEVICES` names them."""
    import torch

    visible = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    count = torch.cuda.device_count()
    return tuple(visible[:count]) if visible else tuple(map(str, range(count)))
