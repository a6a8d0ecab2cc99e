"""Child processes that extract clips and may end: the parent knows what was in their hands, and how they ended.

Parent and child talk through a pipe: (number, job) one way, (number, outcome) the other. A child answers `ALIVE` now
and then as long as frames of a clip are decoded; one that is silent for too long is ended.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import pickle
import queue
import signal
import sys
import threading
import time
import traceback
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as NoAnswer
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

from fasdata.errors import UserError, is_out_of_memory
from fasdata.extract.jobs import Job, Result, Worker
from fasdata.extract.settings import ExtractSettings
from fasdata.faces.detectors import DETECTORS, make_detector
from fasdata.media.frame import watched
from fasdata.records import ClipRecord

ENDED = "the decoder ended its process"
OUT_OF_MEMORY = "out of memory"
GIB = 2**30
START = 1800.0  # seconds a process may take to load what it needs: libraries may lie on a slow network
SIGN_OF_LIFE = 0.5  # seconds between two signs of life, at least
READY, ALIVE = -1, "alive"  # the number of the first message, and a sign of life
PRELOADED = ["av", "cv2", __name__]  # what the children's server imports, beside what the detector needs


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


class _Interrupted(Exception):
    """A process was ended for the sake of another clip."""


class ClipProcess:
    """Runs jobs in a child process, up to `work.clips` of them at once; one that has ended is followed by a new one."""

    def __init__(self, work: Work) -> None:
        self._work, self._lock = work, threading.Lock()
        self._life: _Life | None = None
        self._closed, self._stillborn = False, 0

    def run(self, job: Job) -> Result:
        """Return the result of a job; a recording that gives no frame within the limit is one of status `failed`.

        Raises:
            Lost: the process ended with this clip in its hands (of several nobody knows which one did it), or the clip
                did not fit into memory.
            UserError: what the detector needs is not there, or processes end before they have taken a clip.
            CancelledError: `close` was called.
        """
        while True:
            life = self._living()
            try:
                return life.run(job)
            except _Interrupted:
                continue
            except _Stillborn as stillborn:
                self._stillborn += 1
                if self._stillborn > self._work.clips:  # all of a process's clips learn of the same end
                    raise UserError(
                        "the processes that work on clips end before they have taken one",
                        found=str(stillborn),
                        do="see what 'fasdata doctor' says, or give more --worker-memory"
                        if self._work.limits.worker_memory
                        else "see what 'fasdata doctor' says",
                    ) from None

    def close(self) -> None:
        """End the process with whatever it has in its hands."""
        with self._lock:
            self._closed = True
            if self._life is not None:
                self._life.end()

    def _living(self) -> _Life:
        with self._lock:
            if self._closed:
                raise CancelledError
            if self._life is None or self._life.ended:
                self._life = _Life(self._work)
            return self._life


def persevere(process: ClipProcess, job: Job) -> Result:
    """Run a job; one that is lost is tried once more, and the second loss is what its record says."""
    try:
        return process.run(job)
    except Lost:
        pass
    try:
        return process.run(job)
    except Lost as lost:
        return lost.record(job)


class _Stillborn(Exception):
    """A process ended before it could take a clip."""


class _Life:
    """One child process from its start to its end, used by several threads."""

    _births = threading.Lock()  # the library looks after all children whenever one starts, and it is not thread-safe

    def __init__(self, work: Work) -> None:
        self._timeout = work.limits.clip_timeout or None
        self._pipe, there = _context(work.settings).Pipe()
        self._process = _context(work.settings).Process(target=_serve, args=(there, work), daemon=True)
        with self._births:
            self._process.start()
        there.close()
        atexit.register(self.end)  # before the library waits for its children
        self.ended, self._by_us = False, False
        self._ready: Future[None] = Future()
        self._numbers, self._sending = 0, threading.Lock()
        self._waiting: dict[int, queue.SimpleQueue[Any]] = {}
        threading.Thread(target=self._listen, daemon=True).start()

    def run(self, job: Job) -> Result:
        try:
            self._ready.result(START)
        except NoAnswer:
            self.end()
            raise UserError(f"a process that works on clips was not ready within {START:.0f} s") from None
        answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        with self._sending:
            self._numbers += 1
            number, self._waiting[self._numbers] = self._numbers, answers
            if self.ended:
                raise _Interrupted  # it never had this job
            with suppress(OSError):  # where it has ended, the listener says how
                self._pipe.send((number, job))
        while True:
            try:
                answer = answers.get(timeout=self._timeout)
            except queue.Empty:
                self._by_us = True
                self.end()
                reason = f"the decoder gave no frame for {self._timeout:g} s"
                return ClipRecord(job.clip, "failed", reason), {}
            if isinstance(answer, BaseException):
                raise answer
            if answer != ALIVE:
                return answer  # type: ignore[no-any-return]

    def end(self) -> None:
        """End the process at once."""
        self._by_us = True
        self._process.kill()

    def _listen(self) -> None:
        """Pass on what the child says until it has ended, and then tell those that still wait."""
        try:
            while True:
                number, answer = self._pipe.recv()
                if number != READY:
                    waiting = self._waiting[number] if answer == ALIVE else self._waiting.pop(number)
                    waiting.put(answer)
                elif answer is None:
                    self._ready.set_result(None)
                else:
                    self._ready.set_exception(answer)
        except (EOFError, OSError):
            pass
        finally:
            self._process.kill()  # an answer that cannot be read is no answer
            wait_for([self._process.sentinel])
            with self._births:
                code = self._process.exitcode
            atexit.unregister(self.end)
            how = _spell_exit(code)
            self.ended = True
            if not self._ready.done():
                self._ready.set_exception(CancelledError() if self._by_us else _Stillborn(how))
            for waiting in list(self._waiting.values()):
                waiting.put(_Interrupted() if self._by_us else Lost(f"{ENDED}, twice ({how})"))
            self._pipe.close()


def _context(settings: ExtractSettings) -> ForkServerContext:
    # The server imports the heavy libraries once; workers are forked from it before it has any thread or state.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*PRELOADED, *DETECTORS[settings.detector].preload])
    return context


def _spell_exit(code: int | None) -> str:
    if code is None or code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {-code}, {signal.Signals(-code).name}" + (
            ": ended from outside, for want of memory?" if -code == signal.SIGKILL else ""
        )
    except ValueError:
        return f"signal {-code}"


# -- In the child -----------------------------------------------------------------------------------------------------


def _serve(pipe: Connection, work: Work) -> None:
    """Answer jobs until the parent is gone."""
    for number in (signal.SIGINT, signal.SIGTERM):  # the parent decides when clips in hand are given up
        signal.signal(number, signal.SIG_IGN)
    die_with_parent()
    sending = threading.Lock()

    def send(number: int, answer: Any) -> None:
        with sending:
            pipe.send((number, answer))

    def answer(number: int, job: Job) -> None:
        last = time.monotonic()

        def beat() -> None:
            nonlocal last
            if time.monotonic() - last >= SIGN_OF_LIFE:
                send(number, ALIVE)
                last = time.monotonic()

        try:
            with watched(beat):
                send(number, worker.run(job))
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
        pickle.loads(pickle.dumps(error))
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


def die_with_parent() -> None:
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
