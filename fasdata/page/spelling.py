"""How values are spelled for people, and how text tables are aligned; an absent value says why it is absent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from fasdata.page.page import fill

# -- How a value is spelled in a report; one that is absent says why instead of showing a hole ------------------------


@dataclass(frozen=True)
class Absent:
    """A value that is not there, and the reason in a few words."""

    why: str

    def __html__(self) -> Markup:
        return fill("absent", why=self.why)


def is_number(value: Any) -> bool:
    """Tell whether `value` is a finite number: not None, not NaN, not infinite, not a truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def ratio(value: Any, why: str = "not computed") -> str | Absent:
    """Spell a number between 0 and 1, such as an AUC, with three decimals."""
    return f"{value:.3f}" if is_number(value) else Absent(why)


def score(value: Any, why: str = "not computed") -> str | Absent:
    """Spell a score or a threshold with four decimals: networks crowd theirs near 0 and 1."""
    return f"{value:.4f}" if is_number(value) else Absent(why)


def percent(value: Any, why: str = "not computed") -> str | Absent:
    """Spell an error rate between 0 and 1 in percent with two decimals, as papers do."""
    return f"{100 * value:.2f} %" if is_number(value) else Absent(why)


def count(value: Any, why: str = "not recorded") -> str | Absent:
    """Spell a whole number, thousands set apart by a narrow space."""
    return f"{round(value):,}".replace(",", "\u202f") if is_number(value) else Absent(why)


def text(value: Any, why: str = "not recorded") -> str | Absent:
    """Spell anything else as plain text; None, NaN and the empty string are absent."""
    if value is None or value == "" or (isinstance(value, float) and not math.isfinite(value)):
        return Absent(why)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


# -- Plain aligned columns for terminals ------------------------------------------------------------------------------


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
