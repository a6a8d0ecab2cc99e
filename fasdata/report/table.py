"""Tables that scroll inside their own box, so that a page never scrolls sideways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from markupsafe import Markup

from fasdata.report.template import fill


@dataclass(frozen=True)
class Column:
    """A column: its heading, and whether it holds numbers (set flush right, never broken)."""

    title: str
    numeric: bool = False


@dataclass(frozen=True)
class Row:
    """A row of cells, one a column: text or any part with `__html__`; the first names the row.

    `kind` sets it off: `strong` for the line to read first, `muted` for one to read with care.
    """

    cells: Sequence[Any]
    kind: Literal["", "strong", "muted"] = ""


@dataclass(frozen=True)
class Table:
    """A captioned table; `note` stands below it.

    Raises:
        ValueError: a row has not one cell a column.
    """

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    note: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row.cells) != len(self.columns):
                raise ValueError(f"{len(row.cells)} cells for {len(self.columns)} columns in {self.caption!r}")

    def __html__(self) -> Markup:
        return fill("table", table=self)
