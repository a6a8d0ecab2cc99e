"""Define the parts of a section: paragraphs, notices, answers, facts, folded details, cards, tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from markupsafe import Markup

from fasdata.page.page import fill

# -- Text: paragraphs, notices, answers, facts, code, folded details --------------------------------------------------

Kind: TypeAlias = Literal["good", "mixed", "bad", "plain"]


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of plain text."""

    words: str

    def __html__(self) -> Markup:
        return fill("paragraph", words=self.words)


@dataclass(frozen=True)
class Notice:
    """A box that must not be overlooked. A word names its kind too, not colour alone."""

    title: str
    sentences: Sequence[str]
    kind: Kind = "plain"

    def __html__(self) -> Markup:
        return fill("notice", notice=self)


@dataclass(frozen=True)
class Answer:
    """What a page is about in one sentence, with its interval; what that rests on; and what to do next."""

    title: str
    next: str
    sentences: Sequence[str] = ()
    kind: Kind = "plain"

    def __html__(self) -> Markup:
        return fill("answer", answer=self)


@dataclass(frozen=True)
class Facts:
    """Names and their values, a line each."""

    pairs: Sequence[tuple[str, Any]]

    def __html__(self) -> Markup:
        return fill("facts", pairs=self.pairs)


@dataclass(frozen=True)
class Code:
    """Text shown unchanged, such as a configuration."""

    words: str

    def __html__(self) -> Markup:
        return fill("code", words=self.words)


@dataclass(frozen=True)
class Details:
    """Parts folded under a summary line; open on paper."""

    summary: str
    parts: Sequence[Any]
    open: bool = False

    def __html__(self) -> Markup:
        return fill("details", details=self)


# -- Cards with key figures -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Card:
    """A key figure with its name above and an explanation below."""

    title: str
    value: Any
    note: str = ""


@dataclass(frozen=True)
class Cards:
    """Cards in a row, as many as fit side by side."""

    cards: Sequence[Card]

    def __html__(self) -> Markup:
        return fill("cards", cards=self.cards)


# -- Tables; each scrolls in its own box, so that the page never scrolls sideways -------------------------------------


@dataclass(frozen=True)
class Column:
    """A column: its heading, and whether it holds numbers (set flush right, never broken)."""

    title: Any
    numeric: bool = False


@dataclass(frozen=True)
class Row:
    """A row of cells, one per column: text or any part with `__html__`; the first names the row.

    `kind` sets it off: `strong` for the row to read first, `muted` for a row to read with care.
    """

    cells: Sequence[Any]
    kind: Literal["", "strong", "muted"] = ""


@dataclass(frozen=True)
class Table:
    """A captioned table; `note` stands below it.

    Raises:
        ValueError: a row does not have one cell per column.
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
