"""Stop training on request: a signal is noted, and training ends after the iteration at work, with a checkpoint."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)

_requested: signal.Signals | None = None


class Stopped(BaseException):
    """Training ended on request after `iteration`, which is saved; not an Exception, since nothing went wrong."""

    def __init__(self, by: signal.Signals, iteration: int) -> None:
        super().__init__(f"stopped by {by.name} after iteration {iteration}")
        self.by, self.iteration = by, iteration

    @property
    def exit_code(self) -> int:
        """Return what a shell expects of a process that a signal ended: 143 for SIGTERM, 130 for SIGINT."""
        return 128 + self.by


def request_stop(by: signal.Signals = signal.SIGTERM) -> None:
    """Ask training in this process to stop; called by signal handlers, and by whoever else knows that time is up."""
    global _requested
    _requested = by


def stop_requested() -> signal.Signals | None:
    """Return what asked for a stop, None as long as nothing did."""
    return _requested


@contextmanager
def stoppable() -> Iterator[None]:
    """Note SIGTERM and SIGINT while the block runs, instead of dying of them; a second SIGINT interrupts at once."""
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


def _note(number: int, frame: FrameType | None) -> None:
    if _requested is not None and number == signal.SIGINT:
        raise KeyboardInterrupt
    request_stop(signal.Signals(number))
