"""Regular expressions from outside: they run under a time limit, since one can take longer than the night on a name.

A pattern that was read from a file of the user's is a `ForeignPattern`; any other text is a pattern of ours, and runs
in Python's own engine without a limit.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

from fasdata.errors import UserError
from fasdata.foreign.trees import line_of

Result = TypeVar("Result")

LONGEST = 1.0  # seconds on one text; a sensible pattern takes microseconds
_AT_FIRST, _EACH = 10.0, 0.002  # seconds in all: so many, and so many for each text; a million paths take minutes
_SHOWN = 80  # characters of a pattern, and of a text, in an error


class ForeignPattern(str):
    """A regular expression as text, with the file in which it is `written`; it makes sense to `expression` alone."""

    where: str
    written: str

    def __new__(cls, text: str, where: str, written: str = "") -> ForeignPattern:
        """Return the text as a pattern of the file `where`, in which it is spelled `written` (itself, if "")."""
        pattern = super().__new__(cls, text)
        pattern.where, pattern.written = where, written or text
        return pattern

    def __getnewargs__(self) -> tuple[str, str, str]:  # type: ignore[override]
        """Return what makes the pattern again in another process."""
        return str(self), self.where, self.written


class Expression(Protocol):
    """What compiled patterns are used for."""

    def search(self, text: str, /) -> Any:
        """Return the first match in a text, or None."""

    def fullmatch(self, text: str, /) -> Any:
        """Return the match of a whole text, or None."""

    def sub(self, replacement: str, text: str, /) -> str:
        """Return the text with every match replaced."""


def expression(pattern: str, before: str = "", after: str = "", *, any_case: bool = True) -> Expression:
    """Compile a pattern, with text of ours around it; `any_case`: capitals do not matter.

    A search raises UserError where a foreign pattern takes too long; it names the file and the line.
    """
    where = pattern.where if isinstance(pattern, ForeignPattern) else ""
    written = pattern.written if isinstance(pattern, ForeignPattern) else ""
    return _compiled(f"{before}{pattern}{after}", where, written, re.IGNORECASE if any_case else 0)


def placed(original: str, text: str) -> str:
    """Return `text`, which was made of a pattern, as a pattern of the same file."""
    return ForeignPattern(text, original.where, original.written) if isinstance(original, ForeignPattern) else text


def why_no_expression(pattern: str) -> str:
    """Return why a text is no regular expression, "" if it is one."""
    import regex

    try:
        re.compile(pattern)
        regex.compile(pattern)
    except (re.error, regex.error) as error:
        return str(error)
    except (RecursionError, OverflowError) as error:
        return f"it is too deep or too large ({error})"
    return ""


@lru_cache(maxsize=1024)
def _compiled(text: str, where: str, written: str, flags: int) -> Expression:
    return _Timed(text, where, written, flags) if where else re.compile(text, flags)


class _Timed:
    """A foreign pattern: it has `LONGEST` seconds for a text, and an average over many."""

    def __init__(self, text: str, where: str, written: str, flags: int) -> None:
        import regex  # whoever reads no foreign pattern starts without it

        self._pattern: Any = regex.compile(text, flags)  # both engines give the flag the same number
        self._where, self._written = where, written
        self._spent, self._allowed = 0.0, _AT_FIRST

    def search(self, text: str) -> Any:
        return self._within_time(lambda: self._pattern.search(text, timeout=LONGEST), text)

    def fullmatch(self, text: str) -> Any:
        return self._within_time(lambda: self._pattern.fullmatch(text, timeout=LONGEST), text)

    def sub(self, replacement: str, text: str) -> str:
        return self._within_time(lambda: self._pattern.sub(replacement, text, timeout=LONGEST), text)

    def _within_time(self, match: Callable[[], Result], text: str) -> Result:
        begun = time.thread_time()  # of this thread: a machine that is busy with other work is no fault of a pattern
        try:
            result = match()
        except TimeoutError:
            raise self._too_slow(f"over {LONGEST:g} s on {text[:_SHOWN]!r}") from None
        self._spent += time.thread_time() - begun
        self._allowed += _EACH
        if self._spent > self._allowed:
            raise self._too_slow(f"{self._spent:.0f} s on the paths so far")
        return result

    def _too_slow(self, spent: str) -> UserError:
        line = line_of(Path(self._where), self._written)
        place = f"{self._where} line {line}" if line else self._where
        return UserError(
            f"{place}: the pattern {self._written[:_SHOWN]!r} takes too long",
            expected=f"at most {1000 * _EACH:g} ms for a path on average",
            found=spent,
            do="leave out repeats inside repeats, such as (a+)+",
        )
