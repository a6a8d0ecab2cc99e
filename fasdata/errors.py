"""One kind of error for everything a user can put right, and the door it leaves through."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterable
from difflib import get_close_matches

EXIT_USER_ERROR = 2
EXIT_PARTIAL = 3  # the run ended, but some inputs could not be used
EXIT_INTERRUPTED = 130


class UserError(Exception):
    """Bad input, told in one line: what was expected, what was found, where, what to do."""

    def __init__(self, problem: str, *, expected: str = "", found: str = "", do: str = "") -> None:
        parts = [problem]
        if expected:
            parts.append(f"expected {expected}")
        if found:
            parts.append(f"found {found}")
        if do:
            parts.append(do)
        super().__init__("; ".join(part.rstrip(".;") for part in parts))


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name most like `name`, or "" when none comes close."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    match = get_close_matches(name.lower(), by_lower, n=1, cutoff=0.5)
    return by_lower[match[0]] if match else ""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UserError:
    """Return the error for a name that does not exist, naming the nearest that does."""
    candidates = sorted(known)
    close = nearest(name, candidates)
    do = f"did you mean {close!r}?" if close else ""
    return UserError(f"unknown {kind} {name!r}", expected="one of " + ", ".join(candidates), do=do)


def guarded(command: Callable[[], object]) -> None:
    """Run a command line; end it with one line and a non-zero code when something is wrong.

    Tracebacks of a bug stay tracebacks: only what a user can act on is folded into a line.
    `FASDATA_DEBUG=1` shows the traceback of user errors too.
    """
    debug = bool(os.environ.get("FASDATA_DEBUG"))
    try:
        command()
    except UserError as error:
        if debug:
            raise
        _say(str(error))
        sys.exit(EXIT_USER_ERROR)
    except SystemExit as ended:
        # The command-line library turns an interrupt into this exit code and says nothing of use.
        if ended.code == EXIT_INTERRUPTED:
            _say("interrupted; what was finished is kept, the same command continues")
        raise
    except OSError as error:
        if debug or error.errno not in _OS_ADVICE:
            raise
        where = f" ({error.filename})" if error.filename else ""
        _say(f"{error.strerror}{where}; {_OS_ADVICE[error.errno]}")
        sys.exit(EXIT_USER_ERROR)


_OS_ADVICE = {
    errno.ENOSPC: "free some space and run the same command again: finished work is kept",
    errno.EFBIG: "a file may not grow further here: lift the limit and run the same command again",
    errno.EDQUOT: "the quota is used up: free some space and run the same command again",
    errno.EACCES: "check the permissions of that path",
    errno.EPERM: "check the permissions of that path",
    errno.EROFS: "choose a place that can be written",
    errno.ENOENT: "check that path",
    errno.ENOTDIR: "a folder is expected there, not a file",
    errno.EISDIR: "a file is expected there, not a folder",
    errno.EEXIST: "a folder is expected there, not a file",
}


def _say(line: str) -> None:
    print(f"error: {line}", file=sys.stderr)
