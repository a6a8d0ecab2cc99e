"""Stop long work on request: a signal is noted, the work in hand is finished and written, and the command ends."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

SIGNALS = (signal.SIGTERM, signal.SIGINT)
ONE_REQUEST = 1.0  # seconds in which further signals are the same request: `timeout` signals a process and its group

_requested: signal.Signals | None = None
_since = 0.0
_at_once: tuple[int, str] | None = None  # units done, where work has none to finish


class Stopped(BaseException):
    """Work ended on request with `done` units finished and written; not an Exception, since nothing went wrong."""

    def __init__(self, by: signal.Signals, done: int, units: str) -> None:
        super().__init__(f"stopped by {by.name} after {done} {units}")
        self.by, self.done = by, done

    @property
    def exit_code(self) -> int:
        """Return what a shell expects of a process that a signal ended: 143 for SIGTERM, 130 for SIGINT."""
        return 128 + self.by


class StoppedExit(SystemExit):
    """The exit of a command that has said why it ends, and how to go on."""


def request_stop(by: signal.Signals = signal.SIGTERM) -> None:
    """Ask the work of this process to stop; called by signal handlers, and by whoever else knows that time is up."""
    global _requested, _since
    _requested, _since = by, time.monotonic()


def stop_requested() -> signal.Signals | None:
    """Return what asked for a stop, None as long as nothing did."""
    return _requested


@contextmanager
def stoppable() -> Iterator[None]:
    """Note SIGTERM and SIGINT while the block runs, instead of dying of them; a second one ends the process at once."""
    global _requested
    _requested = None
    if threading.current_thread() is not threading.main_thread():  # only the main thread may set handlers
        yield
        return
    before = {number: signal.signal(number, _note) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _requested = None


@contextmanager
def ending_at_once(done: int, units: str) -> Iterator[None]:
    """Inside `stoppable`: the block has no unit worth finishing, so that a request, also an earlier one, ends it.

    Raises:
        Stopped: a stop is requested, wherever the block is.
    """
    global _at_once
    _at_once = done, units
    try:
        if by := stop_requested():
            raise Stopped(by, done, units)
        yield
    finally:
        _at_once = None


def spelt_exit(code: int | None) -> str:
    """Return how a process ended, in words, by its exit code; a negative one is the signal that ended it.

    >>> spelt_exit(-15), spelt_exit(1)
    ('signal 15, SIGTERM', 'exit code 1')
    """
    if code is None or code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {-code}, {signal.Signals(-code).name}" + (
            ": ended from outside, for want of memory?" if -code == signal.SIGKILL else ""
        )
    except ValueError:
        return f"signal {-code}"


def leave(stopped: Stopped, go_on: str) -> NoReturn:
    """Say what ended the command and what continues it, and exit as the signal demands.

    Raises:
        StoppedExit: always, with code 143 or 130.
    """
    print(f"{stopped}; to go on: {go_on}", file=sys.stderr)
    raise StoppedExit(stopped.exit_code) from None


def _note(number: int, frame: FrameType | None) -> None:
    if _requested is None:
        request_stop(signal.Signals(number))
        if _at_once is not None:
            raise Stopped(signal.Signals(number), *_at_once)
    elif time.monotonic() - _since >= ONE_REQUEST:
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + number)
