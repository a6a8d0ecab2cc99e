"""Words on a page: paragraphs, notices, lists of facts, and what folds away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from markupsafe import Markup

from fasdata.report.template import fill


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of plain text."""

    words: str

    def __html__(self) -> Markup:
        return fill("paragraph", words=self.words)


@dataclass(frozen=True)
class Notice:
    """A box that must not be overlooked. Its kind is told by a word too, not by colour alone."""

    title: str
    sentences: Sequence[str]
    kind: Literal["good", "mixed", "bad", "plain"] = "plain"

    def __html__(self) -> Markup:
        return fill("notice", notice=self)


@dataclass(frozen=True)
class Facts:
    """Names and their values, one a line."""

    pairs: Sequence[tuple[str, Any]]

    def __html__(self) -> Markup:
        return fill("facts", pairs=self.pairs)


@dataclass(frozen=True)
class Code:
    """Text kept as it was written, such as a configuration."""

    words: str

    def __html__(self) -> Markup:
        return fill("code", words=self.words)


@dataclass(frozen=True)
class Details:
    """Parts that fold away under a line; open on paper."""

    summary: str
    parts: Sequence[Any]
    open: bool = False

    def __html__(self) -> Markup:
        return fill("details", details=self)
