"""Child processes that fill batches in memory which parent and children share.

Threads of one process take turns at Python; processes do not. What is left to the parent is a word to a child and its
answer for several images, and putting batches together.
"""

from __future__ import annotations

import mmap
import multiprocessing
import os
import queue
import signal
import traceback
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from fasdata.errors import UserError

AVAILABLE = hasattr(os, "fork")
_LAST_WORD = 5.0  # seconds that a child gets to end by itself


class SharedSlots:
    """`count` pieces of `size` bytes; one is lent until nothing refers to its bytes any more."""

    def __init__(self, count: int, size: int) -> None:
        self.size = size
        self._pieces = [mmap.mmap(-1, max(1, size)) for _ in range(count)]  # anonymous: no file system limits them
        self._free = deque(range(count))

    def lend(self, size: int) -> tuple[int, np.ndarray] | None:
        """Return the number and the bytes of a free piece of at least that size; None: there is none."""
        if size > self.size:
            return None
        try:
            number = self._free.popleft()
        except IndexError:
            return None
        data = self.bytes_of(number)
        weakref.finalize(data, self._free.append, number)
        return number, data

    def bytes_of(self, number: int) -> np.ndarray:
        """Return the bytes of a piece, in this process."""
        return np.frombuffer(self._pieces[number], np.uint8)


class Crew:
    """`count` child processes, forked here and now, that do `work(*job)`; a thread that asks has one for itself.

    Children have what the parent has at this moment. They end with it, whatever ends it.
    """

    def __init__(self, count: int, work: Callable[..., None]) -> None:
        context = multiprocessing.get_context("fork")
        self._idle: queue.SimpleQueue[tuple[Connection, Any]] = queue.SimpleQueue()
        self._members: list[tuple[Connection, Any]] = []
        for _ in range(count):
            ours, theirs = context.Pipe()
            inherited = [*(pipe for pipe, _ in self._members), ours]
            process = context.Process(target=_serve, args=(theirs, inherited, work), name="images", daemon=True)
            process.start()
            theirs.close()
            self._members.append((ours, process))
            self._idle.put(self._members[-1])

    def do(self, *job: Any) -> None:
        """Let a child do a job, and wait for it.

        Raises:
            UserError: the child ended; or whatever the work raised.
        """
        pipe, process = member = self._idle.get()
        try:
            pipe.send(job)
            error = pipe.recv()
        except (EOFError, OSError):
            self._idle.put(member)  # whoever asks next is told the same
            process.join(_LAST_WORD)
            raise UserError(
                "a process that prepares images ended",
                found=f"exit code {process.exitcode}" + (", killed" if (process.exitcode or 0) < 0 else ""),
                do="give it more memory, or prepare images in threads: --set data.processes=false",
            ) from None
        self._idle.put(member)
        if error is not None:
            raise error

    def close(self) -> None:
        """End the children."""
        for pipe, _ in self._members:
            pipe.close()
        for _, process in self._members:
            process.join(_LAST_WORD)
            process.kill()
            process.join()


def _serve(pipe: Connection, inherited: Sequence[Connection], work: Callable[..., None]) -> None:
    import cv2
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what a Ctrl-C of the terminal means
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for other in inherited:  # a pipe ends for a child only when nobody else holds its other side
        other.close()
    torch.set_num_threads(1)  # the parent's threads are not here
    cv2.setNumThreads(1)
    while True:
        try:
            job = pipe.recv()
        except (EOFError, OSError):
            os._exit(0)
        answer: BaseException | None = None
        try:
            work(*job)
        except UserError as error:
            answer = error
        except BaseException as error:
            answer = RuntimeError("".join(traceback.format_exception(error)))
        pipe.send(answer)
