"""Run jobs on this machine: in processes that each build their detector once, or in one process that feeds one GPU."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for
from pathlib import Path

from fasdata.errors import UserError
from fasdata.extract.jobs import Job, Result, Unit
from fasdata.extract.settings import ExtractSettings
from fasdata.faces.detectors import DETECTORS, make_detector

# -- A bounded number of jobs at work in a pool of processes or threads -----------------------------------------------


IN_FLIGHT = 3  # jobs a worker: enough to stay busy, few enough that results do not pile up in memory


def bounded(pool: Executor, run: Callable[[Job], Result], jobs: Sequence[Job], workers: int) -> Iterator[Result]:
    """Yield the results of `run` over all jobs as they are finished; what `run` raises is raised here."""
    waiting: set[Future[Result]] = set()
    remaining = iter(jobs)
    while True:
        for job in remaining:
            waiting.add(pool.submit(run, job))
            if len(waiting) >= IN_FLIGHT * workers:
                break
        if not waiting:
            return
        finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        while finished:  # a result is let go before the next is looked at
            yield finished.pop().result()


# -- This machine: processes that each build their detector once, or one process that feeds one GPU -------------------


def extract_clips(jobs: Sequence[Job], root: Path, settings: ExtractSettings, workers: int) -> Iterator[Result]:
    """Yield (record, encoded crops) for every job, in the order in which they are finished.

    Raises:
        UserError: the detector cannot be built, or a worker was ended from outside.
    """
    if settings.device != "cpu" and settings.looks_at_pixels:
        yield from extract_together(jobs, root, settings, workers)
    elif workers <= 1 or len(jobs) <= 1:
        yield from map(Unit(settings, root).run, jobs)
    else:
        yield from _in_processes(jobs, root, settings, min(workers, len(jobs)))


def _in_processes(jobs: Sequence[Job], root: Path, settings: ExtractSettings, workers: int) -> Iterator[Result]:
    # The server imports the heavy libraries once; workers are forked from it before it has any thread or state.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["av", "cv2", *DETECTORS[settings.detector].preload])
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(settings, root))
    try:
        yield from bounded(pool, _one, jobs, workers)
    except BrokenProcessPool:
        raise UserError(
            "a worker process was ended from outside (out of memory?)",
            do="run the same command again with fewer --workers: finished clips are kept",
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_asked: tuple[ExtractSettings, Path] | None = None
_unit: Unit | None = None


def _start(settings: ExtractSettings, root: Path) -> None:
    global _asked
    _die_with_parent()
    _asked = settings, root


def _one(job: Job) -> Result:
    global _unit
    if _unit is None:  # here rather than in `_start`: what is wrong with a detector is told from here
        assert _asked is not None
        _unit = Unit(*_asked)
    return _unit.run(job)


def _die_with_parent() -> None:
    """End this worker when the parent is killed: it would otherwise wait for work forever."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait_for([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


# -- One process, one detector, many clips at once: threads decode, and their frames meet in one batch on the GPU -----


def extract_together(jobs: Sequence[Job], root: Path, settings: ExtractSettings, clips: int) -> Iterator[Result]:
    """Yield (record, encoded crops) for every job, `clips` of them in work at once, on the detector's device.

    Works on any device; it pays where detection is so quick that decoding has to come from several clips.

    Raises:
        UserError: the detector's weights or device are not there.
    """
    from fasdata.faces.batching import BatchingDetector

    clips = max(1, min(clips, len(jobs)))
    unit = Unit(
        settings, root, BatchingDetector(make_detector(settings.detector, settings.detector_request), clips=clips)
    )
    pool = ThreadPoolExecutor(clips, thread_name_prefix="clip")
    try:
        yield from bounded(pool, unit.run, jobs, clips)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
