"""Write files atomically: a reader sees the old file or the new one, never half of each."""

from __future__ import annotations

import errno
import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path

from fasdata.errors import UserError


def require_writable(folder: Path) -> None:
    """Check, and write nothing, that files can be made in a folder, which may be missing with its parents.

    Raises:
        UserError: a file is in its place or its parents', its name cannot be, or it may not be written to.
    """
    try:
        there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
        longest = os.pathconf(there, "PC_NAME_MAX")
        if any(len(os.fsencode(name)) > longest for name in folder.absolute().parts):
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    except OSError as error:
        shown = str(folder) if len(str(folder)) < 200 else f"{str(folder)[:200]}…"
        raise UserError(f"the folder {shown} cannot be made", found=error.strerror or str(error)) from None
    if not there.is_dir():
        raise UserError(f"the folder {folder} cannot be made", expected="a folder", found=f"the file {there}")
    if not os.access(there, os.W_OK | os.X_OK):
        raise UserError(f"the folder {there} may not be written to", do="choose another, or change its permissions")


_TEMPORARY = re.compile(r"\..+\.[0-9]+\.tmp")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; on success it is synced and replaces `path`, on failure it is removed.

    What a killed process left of an earlier attempt at the same file is removed.

    Raises:
        UserError: a device or a pipe is there, which a file must not replace.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise UserError(f"{path} is no regular file", expected="the name of a file")
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_unheld(path.parent.glob(f".{escape(path.name)}.*.tmp"))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    handle = _held(temporary)
    try:
        yield temporary
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, as UTF-8."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def sync_folder(folder: Path) -> None:
    """Sync `folder`, so that the names of new files in it survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_temporary(path: Path) -> bool:
    """Tell whether a file is one that a killed process left: it says nothing of what its folder is.

    >>> is_temporary(Path(".run.json.4711.tmp")), is_temporary(Path("run.json"))
    (True, False)
    """
    return _TEMPORARY.fullmatch(path.name) is not None


def sweep(folder: Path) -> None:
    """Remove the temporary files that killed processes left in `folder`; those of running ones stay."""
    _remove_unheld(folder.glob(".*.tmp"))


def _held(temporary: Path) -> int:
    """Make a temporary file and lock it; the lock ends with this process, so that others see what was left behind."""
    while True:
        handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError:  # no locks here: whoever comes next cannot tell, and leaves it
            return handle
        if os.fstat(handle).st_nlink:
            return handle
        os.close(handle)  # removed by another process before it was locked


def _remove_unheld(paths: Iterator[Path]) -> None:
    for path in [path for path in paths if is_temporary(path)]:
        try:
            handle = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:  # gone already, or nothing that a process of ours has left
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
        except OSError:  # at work
            continue
        finally:
            os.close(handle)
