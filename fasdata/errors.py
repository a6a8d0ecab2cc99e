"""The error for everything a user can put right, and the guard that ends a command with it in one line."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches

EXIT_USER_ERROR = 2
EXIT_PARTIAL = 3  # the run ended, but some inputs could not be used
EXIT_INTERRUPTED = 130


class UserError(Exception):
    """An error that the user can put right, in one line: what is wrong, what was expected, what was found, what to do.

    What it quotes from files may be anything: see `in_line`.

    >>> str(UserError("--bonafide-is 2", expected="0 or 1", do="see the format of your list"))
    '--bonafide-is 2; expected 0 or 1; see the format of your list'
    """

    def __init__(self, problem: str, *, expected: str = "", found: str = "", do: str = "") -> None:
        parts = [problem]
        if expected:
            parts.append(f"expected {expected}")
        if found:
            parts.append(f"found {found}")
        if do:
            parts.append(do)
        super().__init__("; ".join(in_line(part).rstrip(".;") for part in parts))


LONGEST = 1200  # characters of a part of an error: more than any path or list of names of ours has


def in_line(text: str) -> str:
    """Return a text as one line that a terminal shows as it is.

    Control characters and bytes that are no text are spelt out, line ends and tabs become blanks, and the middle of a
    very long text is left out.

    >>> in_line("a\\x1b[2J\\n\\u202eb"), len(in_line("a" * 9000))
    ('a\\\\x1b[2J \\\\u202eb', 1200)
    """
    if len(text) > LONGEST:
        text = f"{text[: LONGEST - 203]} … {text[-200:]}"
    if text.isprintable():
        return text
    return "".join(_spelt(letter) for letter in text)


def _spelt(letter: str) -> str:
    if letter.isprintable():
        return letter
    return " " if letter.isspace() else letter.encode("unicode_escape").decode()


@contextmanager
def naming(where: str) -> Iterator[None]:
    """Put `where`, the file that a value is from, in front of a user error of the block."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{where}: {error}") from error.__cause__


def nearest(name: str, names: Iterable[str]) -> str:
    """Return the one of `names` that is most like `name`, or "" when none is similar."""
    by_lower = {candidate.lower(): candidate for candidate in names}
    match = get_close_matches(name.lower(), by_lower, n=1, cutoff=0.5)
    return by_lower[match[0]] if match else ""


def unknown_name(kind: str, name: str, names: Iterable[str]) -> UserError:
    """Return the error for a name that does not exist; it lists those that do and suggests the nearest."""
    candidates = sorted(names)
    close = nearest(name, candidates)
    do = f"did you mean {close!r}?" if close else ""
    return UserError(f"unknown {kind} {name!r}", expected="one of " + ", ".join(candidates), do=do)


def guarded(command: Callable[[], object]) -> None:
    """Run a command; when the user can put an error right, print it in one line and exit with a non-zero code.

    A bug keeps its traceback. `FASDATA_DEBUG=1` shows the traceback of user errors too.
    """
    debug = bool(os.environ.get("FASDATA_DEBUG"))
    _require_utf8()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files may be no text at all
    try:
        command()
    except UserError as error:
        if debug:
            raise
        _print_error(f"{error}; if memory is short: {_MEMORY_ADVICE}" if _perhaps_memory(error) else str(error))
        sys.exit(EXIT_USER_ERROR)
    except SystemExit as ended:
        # The command-line library turns an interrupt into this exit code without a message of use.
        if type(ended) is SystemExit and ended.code == EXIT_INTERRUPTED:
            _print_error("interrupted; finished work is kept, run the same command again to continue")
        raise
    except Exception as error:
        line = _line_of_the_system(error)
        if debug or not line:
            raise
        _print_error(line)
        sys.exit(EXIT_USER_ERROR)


def _require_utf8() -> None:
    """Stop where Python was told to read names of files as something else: ids of clips would depend on it.

    Without a locale, or with the locale C, Python itself takes UTF-8.
    """
    encoding = sys.getfilesystemencoding()
    if encoding.lower().replace("-", "") != "utf8":
        _print_error(f"names of files are read as {encoding}; expected UTF-8; set PYTHONUTF8=1 or LC_ALL=C.UTF-8")
        sys.exit(EXIT_USER_ERROR)


def _line_of_the_system(error: Exception) -> str:
    """Return what the user is told where the system refuses something; "" for any other error, which is a bug."""
    if is_out_of_memory(error):
        return f"out of memory ({_words(error)}); {_MEMORY_ADVICE}"
    if isinstance(error, OSError) and error.errno in _OS_ADVICE:
        where = f" ({error.filename})" if error.filename else ""
        return f"{error.strerror}{where}; {_OS_ADVICE[error.errno]}"
    return ""


# -- Want of memory ---------------------------------------------------------------------------------------------------


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that the system gives no more memory, whichever library it comes from.

    It may be a file's fault, which claims a size that no memory has: see `memory_is_short`.
    """
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    if isinstance(error, UserError | ValueError):  # these quote what they read
        return False
    text = str(error).lower()
    return "static tls" not in text and any(words in text for words in _NO_MEMORY)


def _perhaps_memory(error: UserError) -> bool:
    """Tell whether an error that blames a file or a setting was raised because of want of memory."""
    cause: BaseException | None = error
    while cause is not None:
        cause = cause.__cause__ or cause.__context__
        if cause is not None and is_out_of_memory(cause):
            return True
    return False


def memory_is_short(least: int = 256 << 20) -> bool:
    """Tell whether `least` bytes (more than a decoded frame takes) cannot be had: then no file is to blame."""
    try:
        bytes(least)  # zeroed pages are not touched, so this costs nothing; a bytearray would write to them
    except MemoryError:
        return True
    return False


def raise_if_memory_is_short(error: Exception) -> None:
    """Raise MemoryError where `error`, met while a file was read, is no fault of the file."""
    if is_out_of_memory(error) and memory_is_short():
        raise MemoryError(_words(error)) from error


# What torch, OpenCV, CUDA, the loader of libraries and C++ say. A thread needs memory for its stack.
_NO_MEMORY = (
    *("out of memory", "cannot allocate memory", "can't allocate memory", "not enough memory", "insufficient memory"),
    *("unable to allocate", "failed to allocate", "failed to map segment", "bad_alloc", "can't start new thread"),
)
_MEMORY_ADVICE = (
    "finished work is kept: run the same command again with fewer --workers (fastrain: --set data.workers=0, smaller "
    "batches), or with fewer programs beside it"
)


def _words(error: BaseException) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__


_OS_ADVICE = {
    errno.ENOSPC: "free some space and run the same command again: finished work is kept",
    errno.EFBIG: "the size limit for files is reached: raise it and run the same command again",
    errno.EDQUOT: "the quota is used up: free some space and run the same command again",
    errno.EMFILE: "the limit of open files is reached: raise it (ulimit -n 4096), or take fewer --workers",
    errno.ENFILE: "the system's limit of open files is reached: end other programs, or take fewer --workers",
    errno.EACCES: "check the permissions of the path",
    errno.EPERM: "check the permissions of the path",
    errno.EROFS: "choose a folder that you may write to",
    errno.ENOENT: "check the path",
    errno.ENOTDIR: "a folder is expected there, not a file",
    errno.EISDIR: "a file is expected there, not a folder",
    errno.EEXIST: "a folder is expected there, not a file",
}


def _print_error(line: str) -> None:
    print(f"error: {line}", file=sys.stderr)
