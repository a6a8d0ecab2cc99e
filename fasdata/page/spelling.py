"""Spell values for people, the same in a terminal, in Markdown, LaTeX and HTML, and align text tables.

A value that is absent says why instead of showing a hole. Rates and ratios come in as shares from 0 to 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from fasdata.page.page import fill


@dataclass(frozen=True)
class Absent:
    """A value that is not there, and the reason in a few words; plain text shows it as a dash."""

    why: str

    def __str__(self) -> str:
        return "-"

    def __html__(self) -> Markup:
        return fill("absent", why=self.why)


def is_number(value: Any) -> bool:
    """Tell whether `value` is a finite number: not None, not NaN, not infinite, not a truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


# -- Numbers of an evaluation -----------------------------------------------------------------------------------------


def ratio(
    value: Any, why: str = "not computed", *, sd: Any = None, ends: tuple[Any, Any] | None = None, rule: str = ""
) -> str | Absent:
    """Spell a number between 0 and 1, such as an AUC, with three decimals: `0.969 ± 0.017 [0.952, 0.986]`.

    `sd` is its standard deviation over repetitions, `ends` its confidence interval, `rule` the name of the rule that
    gave it; each may be absent.
    """
    return _spelled(value, why, 1, 3, "", sd, ends, rule)


def percent(
    value: Any,
    why: str = "not computed",
    *,
    sd: Any = None,
    ends: tuple[Any, Any] | None = None,
    unit: str = " %",
    rule: str = "",
) -> str | Absent:
    """Spell an error rate between 0 and 1 in percent with two decimals, as papers do: `8.33 ± 1.20 % [2.08, 16.67]`.

    `sd`, `ends` and `rule` as in `ratio`; `unit` is "" where the title of a column names it.
    """
    return _spelled(value, why, 100, 2, unit, sd, ends, rule)


def metric(
    name: str,
    value: Any,
    why: str = "not computed",
    *,
    sd: Any = None,
    ends: tuple[Any, Any] | None = None,
    unit: str = " %",
    rule: str = "",
) -> str | Absent:
    """Spell a metric by its name: `auc` as a ratio, every other one in percent."""
    if name == "auc":
        return ratio(value, why, sd=sd, ends=ends, rule=rule)
    return percent(value, why, sd=sd, ends=ends, unit=unit, rule=rule)


def _spelled(
    value: Any, why: str, factor: int, digits: int, unit: str, sd: Any, ends: tuple[Any, Any] | None, rule: str
) -> str | Absent:
    if not is_number(value):
        return Absent(why)

    def number(share: float) -> str:
        return f"{factor * share:.{digits}f}"

    spread = f" ± {number(sd)}" if is_number(sd) else ""
    interval = f" [{number(ends[0])}, {number(ends[1])}]" if ends and all(map(is_number, ends)) else ""
    interval += f" {rule}" if interval and rule else ""
    return f"{number(value)}{spread}{unit}{interval}"


def on_two_lines(cell: str | Absent, *marks: str) -> Any:
    """Put the interval of a spelled number, or what begins with one of `marks`, below it: narrower columns of a page.

    What stands behind the interval, its rule, has a line of its own where a table is wide or the window narrow.

    >>> on_two_lines("8.33 % [2.08, 16.67] exact")
    Markup('8.33 %<br>[2.08, 16.67] <small>exact</small>')
    """
    for mark in (" [", *marks):
        number, separator, rest = str(cell).partition(mark)
        if separator and not isinstance(cell, Absent):
            interval, end, rule = (mark + rest).strip().partition("] ")
            if end:
                return Markup("{}<br>{}] <small>{}</small>").format(number, interval, rule)
            return Markup("{}<br>{}").format(number, interval)
    return cell


def score(value: Any, why: str = "not computed") -> str | Absent:
    """Spell a score or a threshold with four decimals: networks crowd theirs near 0 and 1."""
    return f"{value:.4f}" if is_number(value) else Absent(why)


def points(before: Any, now: Any, why: str = "undefined") -> str | Absent:
    """Spell the change of a share in points (hundredths), with its sign: `+12.50`."""
    return f"{100 * (now - before):+.2f}" if is_number(before) and is_number(now) else Absent(why)


def p_value(value: Any) -> str:
    """Spell a p-value with three decimals: `p = 0.043`, `p < 0.001`, `not defined`."""
    if not is_number(value):
        return "not defined"
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


# -- Other values -----------------------------------------------------------------------------------------------------


def count(value: Any, why: str = "not recorded") -> str | Absent:
    """Spell a whole number, thousands set apart by a narrow space."""
    return f"{round(value):,}".replace(",", "\u202f") if is_number(value) else Absent(why)


def excess(number: int, expected: int, why: str = "none expected") -> str | Absent:
    """Spell how far a count is from an expected one, in percent of that: `-3.2 %`."""
    return f"{100 * (number - expected) / expected:+.1f} %" if expected else Absent(why)


def begun(words: str) -> str:
    """Return words with a capital first letter and all others as they are: names stay names.

    >>> begun("exact: Clopper-Pearson")
    'Exact: Clopper-Pearson'
    """
    return words[:1].upper() + words[1:]


def text(value: Any, why: str = "not recorded") -> str | Absent:
    """Spell anything else as plain text; None, NaN and the empty string are absent."""
    if value is None or value == "" or (isinstance(value, float) and not math.isfinite(value)):
        return Absent(why)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def reasoned(value: str | Absent) -> str:
    """Return a spelled value as plain text; an absent one is a dash with its reason: `- (no attack)`."""
    return f"{value} ({value.why})" if isinstance(value, Absent) else value


# -- Text tables for terminals ----------------------------------------------------------------------------------------


def text_table(header: Sequence[str], rows: Sequence[Sequence[object]], indent: str = "  ") -> list[str]:
    """Return lines with the columns aligned: numbers to the right, words to the left."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(row[place]) for row in [list(header), *cells]) for place in range(len(header))]
    right = [bool(rows) and all(isinstance(row[place], int) for row in rows) for place in range(len(header))]

    def line(values: Sequence[str]) -> str:
        aligned = [
            value.rjust(width) if to_right else value.ljust(width)
            for value, width, to_right in zip(values, widths, right, strict=True)
        ]
        return (indent + "  ".join(aligned)).rstrip()

    return [line(header), *(line(row) for row in cells)]


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
