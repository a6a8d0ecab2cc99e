"""The child's side of a process that works on clips: it answers jobs until its parent is gone, and may end over one.

Parent and child talk through a pipe: (number, job) one way, (number, outcome) the other. A child answers `Alive` now
and then as long as frames of a clip are decoded; the parent ends one that is silent for too long.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

from fasdata.errors import UserError, is_out_of_memory
from fasdata.extract.jobs import Job, Result, Worker
from fasdata.extract.settings import ExtractSettings
from fasdata.faces.detectors import make_detector
from fasdata.media.frame import watched
from fasdata.records import ClipRecord

OUT_OF_MEMORY = "out of memory"
GIB = 2**30
SIGN_OF_LIFE = 0.5  # seconds between two signs of life, at least
READY = -1  # the number of the first message

Seen = Callable[[int], None]  # is told how many frames were decoded since it was told last, by any thread


def nobody(frames: int) -> None:
    """Listen to no count of frames."""


@dataclass(frozen=True)
class Alive:
    """A sign of life: frames of a clip that were decoded since the last one."""

    frames: int


@dataclass(frozen=True)
class Limits:
    """What a recording may take before it is given up; 0 stands for no limit.

    `clip_timeout` are seconds without one decoded frame, so that a long recording on a slow machine has its time;
    `worker_memory` is what each process may hold, in GiB.
    """

    clip_timeout: float = 1800.0
    worker_memory: float = 0.0

    def require(self) -> None:
        """Check that this system knows the limits.

        Raises:
            UserError: it has no limit of a process's memory.
        """
        if self.worker_memory and sys.platform != "linux":
            raise UserError("--worker-memory means nothing here", expected="Linux", found=sys.platform)


USUAL = Limits()


@dataclass(frozen=True)
class Work:
    """What a child process needs to know; `clips` are those that it has in its hands at once, on one detector."""

    settings: ExtractSettings
    root: Path
    limits: Limits = USUAL
    clips: int = 1


class Lost(Exception):
    """A process ended, or ran out of memory, with a clip in its hands; the text is the reason for its record."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def record(self, job: Job) -> Result:
        """Return the result of a job for which this is the last word."""
        return ClipRecord(job.clip, "failed", self.reason), {}


def serve(pipe: Connection, work: Work) -> None:
    """Answer jobs until the parent is gone."""
    for number in (signal.SIGINT, signal.SIGTERM):  # the parent decides when clips in hand are given up
        signal.signal(number, signal.SIG_IGN)
    _die_with_parent()
    sending = threading.Lock()

    def send(number: int, answer: Any) -> None:
        with sending:
            pipe.send((number, answer))

    def answer(number: int, job: Job) -> None:
        last, frames = time.monotonic(), 0

        def beat() -> None:
            nonlocal last, frames
            frames += 1
            if time.monotonic() - last >= SIGN_OF_LIFE:
                send(number, Alive(frames))
                last, frames = time.monotonic(), 0

        try:
            with watched(beat):
                result = worker.run(job)
            if frames:
                send(number, Alive(frames))
            send(number, result)
        except BaseException as error:
            send(number, _sendable(error))

    jobs: queue.SimpleQueue[tuple[int, Job]] = queue.SimpleQueue()

    def work_on() -> None:
        while True:
            answer(*jobs.get())

    try:
        _limit_memory(work.limits.worker_memory)
        worker = _worker(work)
        for _ in range(work.clips):
            threading.Thread(target=work_on, daemon=True).start()
    except BaseException as error:
        send(READY, _sendable(error, starting=True))
        return
    send(READY, None)
    while True:
        try:
            jobs.put(pipe.recv())
        except (EOFError, OSError):
            os._exit(0)


def _worker(work: Work) -> Worker:
    if work.clips == 1:
        return Worker(work.settings, work.root)
    from fasdata.faces.batching import BatchingDetector

    settings = work.settings
    detector = make_detector(settings.detector, settings.detector_request)
    return Worker(settings, work.root, BatchingDetector(detector, clips=work.clips))


def _sendable(error: BaseException, *, starting: bool = False) -> BaseException:
    """Return what tells the parent of an error; a bug keeps its traceback as a note."""
    if isinstance(error, UserError):
        return error
    if is_out_of_memory(error):
        if starting:
            return UserError("the detector does not fit into memory", do="give more --worker-memory or fewer --workers")
        return Lost(OUT_OF_MEMORY)
    trace = "".join(traceback.format_exception(error))
    try:
        error.add_note(f"in the process that worked on the clip:\n{trace}")
        ForkingPickler.dumps(error)
        made: Any = error.__reduce__()  # what the parent will do with it
        made[0](*made[1])
    except Exception:  # an error of any library, which may be of any form: its text is kept
        return RuntimeError(trace)
    return error


def _limit_memory(gib: float) -> None:
    """Let what this process allocates fail beyond `gib`: data, not address space, of which CUDA reserves terabytes."""
    if gib:
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        limit = int(gib * GIB)
        resource.setrlimit(resource.RLIMIT_DATA, (limit if most == resource.RLIM_INFINITY else min(limit, most), most))


def _die_with_parent() -> None:
    """End this process when its parent ends, however that comes about, and whatever this one is doing then."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait_for([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    if sys.platform == "linux":  # also where a library hangs and lets no other thread run: the kernel watches the pipe
        import fcntl

        sentinel = int(parent.sentinel)  # type: ignore[call-overload]
        signal.signal(signal.SIGIO, signal.SIG_DFL)
        fcntl.fcntl(sentinel, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(sentinel, fcntl.F_SETFL, fcntl.fcntl(sentinel, fcntl.F_GETFL) | os.O_ASYNC)
