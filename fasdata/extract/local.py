"""Run jobs on this machine: in processes with a detector each, or in one process whose threads feed one GPU."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for
from multiprocessing.context import ForkServerContext
from pathlib import Path

from fasdata.errors import UserError
from fasdata.extract.jobs import Job, Result, Worker
from fasdata.extract.settings import ExtractSettings
from fasdata.faces.detectors import DETECTORS, make_detector
from fasdata.records import ClipRecord

ENDED = "the decoder ended its process"
IN_FLIGHT = 3  # jobs a worker: enough to stay busy, few enough that results do not pile up in memory


def bounded(
    pool: Executor,
    run: Callable[[Job], Result],
    jobs: Iterable[Job],
    workers: int,
    at_work: dict[Future[Result], Job] | None = None,
) -> Iterator[Result]:
    """Yield the results of `run` over all jobs as they are finished; what `run` raises is raised here.

    `at_work` shows the jobs that were handed to the pool and whose results were not yielded yet.
    """
    at_work = {} if at_work is None else at_work
    remaining = iter(jobs)
    while True:
        for job in remaining:
            try:
                at_work[pool.submit(run, job)] = job
            except BrokenProcessPool as error:
                lost: Future[Result] = Future()
                lost.set_exception(error)
                at_work[lost] = job
                raise
            if len(at_work) >= IN_FLIGHT * workers:
                break
        if not at_work:
            return
        finished, _ = wait(at_work, return_when=FIRST_COMPLETED)
        while finished:  # a result is released before the next one is taken
            future = finished.pop()
            result = future.result()
            del at_work[future]
            del future
            yield result


def extract_clips(jobs: Sequence[Job], root: Path, settings: ExtractSettings, workers: int) -> Iterator[Result]:
    """Yield (record, encoded crops) for every job, in the order in which they are finished.

    Raises:
        UserError: the detector cannot be built.
    """
    if settings.device != "cpu" and settings.looks_at_pixels:
        yield from extract_together(jobs, root, settings, workers)
    elif workers <= 1 or len(jobs) <= 1:
        yield from map(Worker(settings, root).run, jobs)
    else:
        yield from _in_processes(jobs, root, settings, min(workers, len(jobs)))


def _in_processes(jobs: Sequence[Job], root: Path, settings: ExtractSettings, workers: int) -> Iterator[Result]:
    """Run jobs in a pool of processes that survives the death of one of them.

    Which job killed it nobody knows: those that were at work are tried again, each alone in a fresh process, and the
    one that kills that too is recorded as failed. A process that was ended from outside, for want of memory say, thus
    costs a retry.
    """
    # The server imports the heavy libraries once; workers are forked from it before it has any thread or state.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["av", "cv2", *DETECTORS[settings.detector].preload])
    remaining, any_result = iter(jobs), False
    while True:
        pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(settings, root))
        at_work: dict[Future[Result], Job] = {}
        try:
            for result in bounded(pool, _run, remaining, workers, at_work):
                any_result = True
                yield result
            return
        except BrokenProcessPool:
            pool.shutdown(wait=True, cancel_futures=True)
            again = [_finished(future) or _alone(context, job, root, settings) for future, job in at_work.items()]
            ended = [record.reason for record, _ in again if record.reason.startswith(ENDED)]
            if len(ended) == len(again) > 1 and not any_result:
                raise UserError(
                    "every process that works on a clip is ended", found=ended[0], do="see what 'fasdata doctor' says"
                ) from None
            any_result = True
            yield from again
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _alone(context: ForkServerContext, job: Job, root: Path, settings: ExtractSettings) -> Result:
    """Run one job in a process of its own; one that ends the process gives a record of status `failed`."""
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(there, job, root, settings), daemon=True)
    process.start()
    there.close()
    try:
        outcome = here.recv()
    except EOFError:
        outcome = None
    finally:
        here.close()
    process.join()
    if isinstance(outcome, UserError):
        raise outcome
    if outcome is not None:
        return outcome
    if process.exitcode in (-signal.SIGKILL, -signal.SIGTERM):  # from outside: that is no property of the recording
        raise UserError(
            f"the process that worked on {job.clip.clip_id} was ended from outside, twice (out of memory?)",
            do="run the same command again with fewer --workers: finished clips are kept",
        )
    return ClipRecord(job.clip, "failed", f"{ENDED}, twice ({_spell_exit(process.exitcode or 0)})"), {}


def _finished(future: Future[Result]) -> Result | None:
    """Return the result of a job that was done before the pool broke."""
    if not future.done() or future.cancelled() or future.exception() is not None:
        return None
    return future.result()


def _send(there: Connection, job: Job, root: Path, settings: ExtractSettings) -> None:
    _start(settings, root)
    try:
        there.send(_run(job))
    except UserError as error:
        there.send(error)


def _spell_exit(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {-code}, {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


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
