"""Run jobs on this machine: in child processes with a detector each, or in one whose threads feed one GPU."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import TypeVar

from fasdata.errors import UserError
from fasdata.extract.child import OUT_OF_MEMORY, USUAL, Limits, Lost, Seen, Work, nobody
from fasdata.extract.jobs import Job, Result, Worker
from fasdata.extract.processes import ClipProcess
from fasdata.extract.settings import ExtractSettings
from fasdata.media.frame import watched
from fasdata.stopping import stop_requested

IN_FLIGHT = 3  # jobs a worker: enough to stay busy, few enough that results do not pile up in memory
BRAKE = 8  # clips that may be lost before any is done: more of them are a matter of the machine, not of recordings
GRACE = 30.0  # seconds that clips in hand get once a stop was requested
WAKE = 0.2  # seconds between two looks at whether one was

Outcome = TypeVar("Outcome")


def extract_clips(
    jobs: Sequence[Job],
    root: Path,
    settings: ExtractSettings,
    workers: int,
    limits: Limits = USUAL,
    seen: Seen = nobody,
) -> Generator[Result]:
    """Yield (record, encoded crops) for every job, in the order in which they are finished.

    `workers` are child processes, or clips at once where the detector is on a GPU; a clip that ends the process that
    works on it is recorded as failed. With 0 the work is done in this process, and such a clip ends it. Once a stop is
    requested (see `fasdata.stopping`) no clip is begun, and what is not finished after a while is left out. `seen` is
    told how many frames are decoded, while a clip is in hand too.

    Raises:
        UserError: the detector cannot be built, or processes end whatever clip they are given.
    """
    if workers < 1:
        yield from _in_this_process(jobs, root, settings, seen)
    elif settings.device != "cpu" and settings.looks_at_pixels:
        yield from extract_together(jobs, root, settings, workers, limits, seen)
    else:
        yield from _surviving(jobs, Work(settings, root, limits), min(workers, len(jobs)), seen)


def extract_together(
    jobs: Sequence[Job],
    root: Path,
    settings: ExtractSettings,
    clips: int,
    limits: Limits = USUAL,
    seen: Seen = nobody,
) -> Generator[Result]:
    """Yield (record, encoded crops) for every job, on the detector's device: one detector, `clips` clips at a time.

    Threads of one child process decode, and their frames share a batch. It works on any device, and pays where one clip
    at a time would not decode as fast as the device detects.

    Raises:
        UserError: the detector's weights or device are not there, or processes end whatever clips they are given.
    """
    yield from _surviving(jobs, Work(settings, root, limits, clips=max(1, min(clips, len(jobs)))), 1, seen)


def _in_this_process(jobs: Iterable[Job], root: Path, settings: ExtractSettings, seen: Seen) -> Generator[Result]:
    worker = Worker(settings, root)
    for job in jobs:
        if stop_requested():
            return
        try:
            with watched(partial(seen, 1)):
                result = worker.run(job)
        except MemoryError:
            result = Lost(OUT_OF_MEMORY).record(job)
        yield result


def _surviving(jobs: Sequence[Job], work: Work, processes: int, seen: Seen) -> Generator[Result]:
    """Run jobs in processes that may end.

    What was in the hands of one that ended, or did not fit into memory, is tried again when all else is done, each clip
    alone in a process that has the machine for itself; the one that is lost there too is recorded as failed. A process
    that was ended from outside, for want of memory say, thus costs a retry.
    """
    if not jobs:
        return
    suspects: list[Job] = []
    any_result = False
    with _Crew(work, processes, seen) as crew:
        for outcome in crew.run(jobs):
            if not isinstance(outcome, _Suspect):
                any_result = True
                yield outcome
                continue
            suspects.append(outcome.job)
            if not any_result and len(suspects) >= BRAKE:
                again = list(_alone(suspects, work, seen))
                yield from again
                # Fewer of them: a stop came in between, and says so itself.
                if len(again) == len(suspects) and all(record.status == "failed" for record, _ in again):
                    raise UserError(
                        f"each of the first {len(again)} clips ended the process that worked on it",
                        found=again[-1][0].reason,
                        do="see what 'fasdata doctor' says; these are on record as failed (--retry-failed), and the "
                        "same command goes on with the others",
                    )
                suspects, any_result = [], True
    yield from _alone(suspects, work, seen)


def _alone(suspects: Sequence[Job], work: Work, seen: Seen) -> Generator[Result]:
    if suspects and not stop_requested():
        with _Crew(replace(work, clips=1), 1, seen) as crew:
            for outcome in crew.run(suspects):
                yield outcome.lost.record(outcome.job) if isinstance(outcome, _Suspect) else outcome


@dataclass(frozen=True)
class _Suspect:
    """A clip that a process had in its hands when it was lost."""

    job: Job
    lost: Lost


class _Crew:
    """Child processes, and a thread for every clip that they can have in their hands."""

    def __init__(self, work: Work, processes: int, seen: Seen) -> None:
        self._processes = [ClipProcess(work, seen) for _ in range(processes)]
        self._threads = ThreadPoolExecutor(processes * work.clips, thread_name_prefix="clip")
        self._free: SimpleQueue[ClipProcess] = SimpleQueue()
        for process in self._processes * work.clips:
            self._free.put(process)

    def __enter__(self) -> _Crew:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.close()
        self._threads.shutdown(wait=True, cancel_futures=True)

    def run(self, jobs: Iterable[Job]) -> Generator[Result | _Suspect]:
        return bounded(self._threads, self._attempt, jobs, self._free.qsize())

    def _attempt(self, job: Job) -> Result | _Suspect:
        process = self._free.get()
        try:
            return process.run(job)
        except Lost as lost:
            return _Suspect(job, lost)
        finally:
            self._free.put(process)


def bounded(pool: Executor, run: Callable[[Job], Outcome], jobs: Iterable[Job], workers: int) -> Generator[Outcome]:
    """Yield the results of `run` over all jobs as they are finished; what `run` raises is raised here.

    Once a stop is requested no job is begun, and those at work have `GRACE` seconds to finish.
    """
    at_work: set[Future[Outcome]] = set()
    remaining, grace = iter(jobs), Grace()
    while True:
        if grace.begun():
            at_work -= {future for future in at_work if future.cancel()}
            if grace.over():
                return
        else:
            while len(at_work) < IN_FLIGHT * workers and (job := next(remaining, None)) is not None:
                at_work.add(pool.submit(run, job))
        if not at_work:
            return
        finished, _ = wait(at_work, timeout=WAKE, return_when=FIRST_COMPLETED)
        while finished:  # a result is released before the next one is taken
            future = finished.pop()
            at_work.discard(future)
            result = future.result()
            del future
            yield result


class Grace:
    """The time that clips in hand get once a stop was requested."""

    def __init__(self) -> None:
        self._until = 0.0

    def begun(self) -> bool:
        """Tell whether a stop was requested; the first time, say what happens now."""
        by = stop_requested()
        if by and not self._until:
            self._until = time.monotonic() + GRACE
            print(
                f"{by.name}: clips in hand get {GRACE:.0f} s to finish (once more: ends at once)",
                file=sys.stderr,
            )
        return bool(by)

    def over(self) -> bool:
        """Tell whether the time is up."""
        return bool(self._until) and time.monotonic() > self._until
