"""Cards: a few figures to read first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from fasdata.report.template import fill


@dataclass(frozen=True)
class Card:
    """One figure with its name above it and what it means below."""

    title: str
    value: Any
    note: str = ""


@dataclass(frozen=True)
class Cards:
    """Cards in a row, as many as fit side by side."""

    cards: Sequence[Card]

    def __html__(self) -> Markup:
        return fill("cards", cards=self.cards)
