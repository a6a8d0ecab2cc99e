"""Child processes that extract clips and may end: the parent knows what was in their hands, and how they ended."""

from __future__ import annotations

import atexit
import multiprocessing
import queue
import signal
import threading
import time
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as NoAnswer
from contextlib import suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from typing import Any

from fasdata.errors import UserError
from fasdata.extract.child import READY, Alive, Lost, Seen, Work, nobody, serve
from fasdata.extract.jobs import Job, Result
from fasdata.extract.settings import ExtractSettings
from fasdata.faces.detectors import DETECTORS
from fasdata.stopping import SIGNALS, spelt_exit

ENDED = "the decoder ended its process"
START = 1800.0  # seconds a process may take to load what it needs: libraries may lie on a slow network
BIRTHS, PAUSE = 10, 0.1  # attempts to start a process, and seconds between: a server takes its time to end
PRELOADED = ["av", "cv2", "fasdata.extract.child"]  # what the children's server imports, beside what a detector needs


class _Interrupted(Exception):
    """A process was ended for the sake of another clip."""


class ClipProcess:
    """Runs jobs in a child process, up to `work.clips` of them at once; one that has ended is followed by a new one.

    `seen` is told how many frames are decoded while they are.
    """

    def __init__(self, work: Work, seen: Seen = nobody) -> None:
        self._work, self._seen, self._lock = work, seen, threading.Lock()
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
                result = life.run(job, self._seen)
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
            except Lost:
                self._stillborn = 0
                raise
            else:
                self._stillborn = 0  # it can be done: two bad starts in a night are no reason to end it
                return result

    def start(self) -> None:
        """Start the process and wait until it can take a job; what goes wrong there is told to the first job."""
        with suppress(Exception):
            self._living().wait_until_ready()

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
        with self._births:
            self._pipe, self._process = _born(work)
        atexit.register(self.end)  # before the library waits for its children
        self.ended, self._by_us = False, False
        self._ready: Future[None] = Future()
        self._numbers, self._sending = 0, threading.Lock()
        self._waiting: dict[int, queue.SimpleQueue[Any]] = {}
        threading.Thread(target=self._listen, daemon=True).start()

    def wait_until_ready(self) -> None:
        try:
            self._ready.result(START)
        except NoAnswer:
            self.end()
            raise UserError(f"a process that works on clips was not ready within {START:.0f} s") from None

    def run(self, job: Job, seen: Seen) -> Result:
        self.wait_until_ready()
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
                self.end()
                return Lost(f"the decoder gave no frame for {self._timeout:g} s").record(job)
            if isinstance(answer, BaseException):
                raise answer
            if not isinstance(answer, Alive):
                return answer  # type: ignore[no-any-return]
            seen(answer.frames)

    def end(self) -> None:
        """End the process at once, and do not wait for that: the system may hold it, where a disk does not answer."""
        self._by_us = True
        self._process.kill()
        self._tell(_Interrupted())

    def _listen(self) -> None:
        """Pass on what the child says until it has ended, and then tell those that still wait."""
        try:
            while True:
                number, answer = self._pipe.recv()
                if number != READY:
                    waiting = self._waiting[number] if isinstance(answer, Alive) else self._waiting.pop(number)
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
            how = spelt_exit(code)
            if not self._ready.done():
                self._ready.set_exception(CancelledError() if self._by_us else _Stillborn(how))
            self._tell(_Interrupted() if self._by_us else Lost(f"{ENDED}, twice ({how})"))
            self._pipe.close()

    def _tell(self, outcome: Exception) -> None:
        """Answer all that still wait; whoever comes later sees that this process has ended."""
        self.ended = True
        for waiting in list(self._waiting.values()):
            waiting.put(outcome)


def _born(work: Work) -> tuple[Connection, BaseProcess]:
    """Start a child process; return the pipe to it, and the process.

    Signals to the group of this process, which is what a terminal sends, are for this process alone: its server of
    children never sees them. A server that was ended all the same is started anew.

    Raises:
        UserError: the server ends again and again.
    """
    context = _context(work.settings)
    resource_tracker.ensure_running()  # whose start would unblock the signals
    for _ in range(BIRTHS):
        here, there = context.Pipe()
        process = context.Process(target=serve, args=(there, work), daemon=True)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # inherited by the server
        try:
            process.start()
            return here, process
        except (EOFError, ConnectionError):  # the server has ended meanwhile; a child of it sees its pipe closed
            here.close()
            time.sleep(PAUSE)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            there.close()
    raise UserError("no process can be started that works on clips", do="see what 'fasdata doctor' says")


def _context(settings: ExtractSettings) -> ForkServerContext:
    # The server imports the heavy libraries once; workers are forked from it before it has any thread or state.
    context = multiprocessing.get_context("forkserver")
    preload = () if settings.detector_files else DETECTORS[settings.detector].preload
    context.set_forkserver_preload([*PRELOADED, *preload])
    return context
