"""Open files from outside: regular ones alone, up to a size; a pipe would wait for ever."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from fasdata.errors import UserError

LARGEST = 2 << 30  # bytes of a text that is read whole
_SHOWN = 160  # characters of a parser's own words


class Unreadable(UserError):
    """The file itself cannot be had: it is missing, no regular file, too large, or the system refuses it."""


@contextmanager
def opened(path: Path, *, largest: int = LARGEST) -> Iterator[BinaryIO]:
    """Open a regular file for reading.

    Raises:
        Unreadable: it is missing, no regular file, larger than `largest` bytes, or cannot be read.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
        try:
            state = os.fstat(handle)
            if not stat.S_ISREG(state.st_mode):
                raise Unreadable(f"{path} is no file", expected="a regular file", found=_kind(state.st_mode))
            if state.st_size > largest:
                size = f"{state.st_size / 2**20:.1f} MiB"
                raise Unreadable(f"{path} is too large", expected=f"at most {largest / 2**20:.1f} MiB", found=size)
            with os.fdopen(handle, "rb", closefd=False) as file:
                yield file
        finally:
            os.close(handle)
    except OSError as error:
        if error.errno == errno.ENOMEM:
            raise
        raise Unreadable(f"{path} cannot be read", found=error.strerror or str(error)) from None


def read_bytes(path: Path, *, largest: int = LARGEST) -> bytes:
    """Return the content of a regular file.

    Raises:
        Unreadable: as `opened`.
    """
    with opened(path, largest=largest) as file:
        # Python sets aside what it is asked to read: ask for what is there.
        return file.read(min(os.fstat(file.fileno()).st_size, largest) + 1)


def read_text(path: Path, *, largest: int = LARGEST) -> str:
    """Return the text of a regular file in UTF-8; a byte order mark is left out.

    Raises:
        UserError: as `read_bytes`, or the bytes are no UTF-8.
    """
    return text_of(read_bytes(path, largest=largest), str(path))


def text_of(data: bytes, where: str, *, do: str = "") -> str:
    """Return bytes as UTF-8 text, without a byte order mark; `where` names their source in an error, `do` what helps.

    Raises:
        UserError: they are no UTF-8.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{where} is no UTF-8 text",
            found=f"byte {data[error.start]:#04x} at {error.start}",
            do=do or "save it as UTF-8",
        ) from None


def in_words(error: Exception) -> str:
    """Return what a parser says, in one line."""
    return " ".join(str(error).split())[:_SHOWN] or type(error).__name__


def _kind(mode: int) -> str:
    kinds = {
        stat.S_ISDIR: "a folder",
        stat.S_ISFIFO: "a pipe",
        stat.S_ISSOCK: "a socket",
        stat.S_ISCHR: "a device",
        stat.S_ISBLK: "a device",
    }
    return next((words for test, words in kinds.items() if test(mode)), "something else")
