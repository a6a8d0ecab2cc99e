"""Claims: of two commands that would fight over a place, the second is refused in a line that names the first.

A claim is a lock of the system on a file, so it ends with its process, however that ends. What the file says is for
people alone: which process, which command, since when.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from json import dumps
from pathlib import Path
from types import TracebackType

from fasdata.errors import UserError
from fasdata.foreign import quick_json

_PATIENCE = 2.0  # seconds in which a shared claim tries again: another one may be writing its note
_PROGRAMS = ("fasdata", "fastrain")
_LONGEST = 1 << 16  # bytes of notes that are looked at


@dataclass
class Claim:
    """A claim that is held until it is closed, or its process ends; a context manager."""

    handle: int  # of the file that is locked, -1 for a place that nobody can lock

    def close(self) -> None:
        """Give the place back; a second time does nothing, since the handle may be another file's by then."""
        handle, self.handle = self.handle, -1
        if handle >= 0:
            with suppress(OSError):
                os.close(handle)

    def sign(self, note: Path) -> None:
        """Write into a file who holds the claim, for a folder that is locked itself."""
        with suppress(OSError):  # a full disk: the lock is what counts
            note.parent.mkdir(exist_ok=True)
            note.write_bytes(_line())

    def __enter__(self) -> Claim:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def claim(
    lock: Path,
    refusal: str,
    *,
    shared: bool = False,
    wait: bool = False,
    note: Path | None = None,
    do: str = "wait for it to end, or stop it",
) -> Claim:
    """Claim what the file `lock` stands for; a folder can be locked too, by a holder who signs in the file `note`.

    `refusal` begins the error of whoever comes second. Any number of `shared` claims go together; one that cannot be
    made, as on a disk that can only be read, is left out. `wait` waits for the other to end, and says so once.

    Raises:
        UserError: somebody else holds it; names process, command and time. The file cannot be written or locked.
    """
    try:
        handle = _open(lock, shared=shared, folder=note is not None)
    except OSError as error:
        if shared:
            return Claim(-1)
        raise UserError(
            f"{lock.parent} cannot be written", found=error.strerror or str(error), do="choose another folder"
        ) from None
    try:
        if not _take(handle, shared):
            if not wait:
                holder = _holder(note or lock)
                raise UserError(refusal, expected="one at a time", found=holder, do=do)
            print(f"{refusal}: waiting for {_holder(note or lock)}", file=sys.stderr)
            fcntl.flock(handle, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        if note is None:
            with suppress(OSError):  # a full disk, or a file that can only be read: the lock is what counts
                os.write(handle, _line())
    except OSError as error:
        os.close(handle)
        if shared:
            return Claim(-1)
        raise UserError(
            f"{lock} cannot be locked",
            expected="a file system with file locks",
            found=error.strerror or str(error),
            do="choose another folder",
        ) from None
    except BaseException:
        os.close(handle)
        raise
    return Claim(handle)


def holder_of(lock: Path) -> str:
    """Return who holds a claim alone, in words; "" where nobody does, or the file cannot be read."""
    try:
        handle = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _holder(lock)
    except OSError:
        return ""
    finally:
        os.close(handle)
    return ""


def _open(lock: Path, *, shared: bool, folder: bool) -> int:
    if folder:
        return os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.open(lock, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if not shared or error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        return os.open(lock, os.O_RDONLY | os.O_CLOEXEC)  # whoever may read a file may lock it


def _take(handle: int, shared: bool) -> bool:
    """Lock the file if nobody stands against it. Whoever is alone clears the notes of those who have gone."""
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not shared:
                return False
        else:
            with suppress(OSError):  # a folder, or a file that may be read alone: the lock is what counts
                os.ftruncate(handle, 0)
            if not shared:
                return True
            # To share a lock is to give it up and to take another one: somebody else may come in between.
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > end:
                return False
            time.sleep(0.02)


def _line() -> bytes:
    about = {"pid": os.getpid(), "host": socket.gethostname(), "command": _command(), "since": time.strftime("%F %T")}
    return (dumps(about) + "\n").encode()


def _command() -> str:
    """Return program and verb of this process, and nothing that it was given: that may name a person."""
    program, verb = Path(sys.argv[0]).name, "".join(sys.argv[1:2])
    return f"{program if program in _PROGRAMS else 'python'} {verb if verb.replace('-', '').isalpha() else ''}".strip()


def _holder(note: Path) -> str:
    """Return who holds a claim, in words."""
    for about in _notes(note):
        words = f"'{about['command']}' (process {about['pid']} on {about['host']}, since {about['since']})"
        if about["host"] != socket.gethostname() or _lives(about["pid"]):
            return words
    return "another process"


def _notes(note: Path) -> Iterator[dict[str, str]]:
    try:
        with note.open("rb") as file:
            lines = file.read(_LONGEST).splitlines()
    except OSError:
        return
    for line in lines:
        try:
            about = quick_json(line)
            yield {name: str(about[name])[:200] for name in ("pid", "host", "command", "since")}
        except (ValueError, KeyError, TypeError, RecursionError):
            continue


def _lives(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
