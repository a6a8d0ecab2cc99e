"""Run jobs on this machine: in processes with a detector each, or in one process whose threads feed one GPU."""

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
from fasdata.extract.jobs import Job, Result, Worker
from fasdata.extract.settings import ExtractSettings
from fasdata.faces.detectors import DETECTORS, make_detector

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
        while finished:  # a result is released before the next one is taken
            yield finished.pop().result()


def extract_clips(jobs: Sequence[Job], root: Path, settings: ExtractSettings, workers: int) -> Iterator[Result]:
    """Yield (record, encoded crops) for every job, in the order in which they are finished.

    Raises:
        UserError: the detector cannot be built, or a worker was ended from outside.
    """
    if settings.device != "cpu" and settings.looks_at_pixels:
        yield from extract_together(jobs, root, settings, workers)
    elif workers <= 1 or len(jobs) <= 1:
        yield from map(Worker(settings, root).run, jobs)
    else:
        yield from _in_processes(jobs, root, settings, min(workers, len(jobs)))


def _in_processes(jobs: Sequence[Job], root: Path, settings: ExtractSettings, workers: int) -> Iterator[Result]:
    # The server imports the heavy libraries once; workers are forked from it before it has any thread or state.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["av", "cv2", *DETECTORS[settings.detector].preload])
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(settings, root))
    try:
        yield from bounded(pool, _run, jobs, workers)
    except BrokenProcessPool:
        raise UserError(
            "a worker process was ended from outside (out of memory?)",
            do="run the same command again with fewer --workers: finished clips are kept",
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_arguments: tuple[ExtractSettings, Path] | None = None
_worker: Worker | None = None  # of this process


def _start(settings: ExtractSettings, root: Path) -> None:
    global _arguments
    _die_with_parent()
    _arguments = settings, root


def _run(job: Job) -> Result:
    global _worker
    if _worker is None:  # not in `_start`, whose errors would end the pool without a message
        assert _arguments is not None
        _worker = Worker(*_arguments)
    return _worker.run(job)


def _die_with_parent() -> None:
    """End this process when its parent is killed: it would otherwise wait for work forever."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait_for([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def extract_together(jobs: Sequence[Job], root: Path, settings: ExtractSettings, clips: int) -> Iterator[Result]:
    """Yield (record, encoded crops) for every job, on the detector's device: one detector, `clips` clips at a time.

    Threads decode, and their frames share a batch. It works on any device, and pays where one clip at a time would not
    decode as fast as the device detects.

    Raises:
        UserError: the detector's weights or device are not there.
    """
    from fasdata.faces.batching import BatchingDetector

    clips = max(1, min(clips, len(jobs)))
    detector = BatchingDetector(make_detector(settings.detector, settings.detector_request), clips=clips)
    worker = Worker(settings, root, detector)
    pool = ThreadPoolExecutor(clips, thread_name_prefix="clip")
    try:
        yield from bounded(pool, worker.run, jobs, clips)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
