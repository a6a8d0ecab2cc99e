"""Clips that do to the process that works on them what bugs in decoders do."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from fasdata.extract.jobs import Job
from fasdata.records import Clip


def _hang_with_the_lock() -> None:
    ctypes.PyDLL(None).sleep(100)  # no other thread of this process runs


KINDS: dict[str, Callable[[], object]] = {
    "crash": lambda: signal.raise_signal(signal.SIGSEGV),
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "hang": lambda: time.sleep(100),
    "hang with the lock": _hang_with_the_lock,
    "memory": lambda: bytearray(3 << 30),
    "slow": lambda: time.sleep(0.4),
}


class Troublesome(Clip):
    """Its trouble, named by `attack_type`, begins where a child process reads it; with `pai`, a file, only once."""

    @property
    def relpaths(self) -> dict[str, str]:  # type: ignore[override]
        if multiprocessing.parent_process() is not None and not (self.pai and Path(self.pai).exists()):
            if self.pai:
                Path(self.pai).write_text(str(os.getpid()))
            KINDS[self.attack_type]()
        return {"rgb": "0.avi"}


def trouble(kind: str, once: Path | None = None, name: str = "trouble") -> Job:
    clip = object.__new__(Troublesome)
    clip.__dict__.update({**vars(Clip("d", name, {})), "attack_type": kind, "pai": str(once or "")})
    clip.__dict__.pop("relpaths")
    return Job(clip)
