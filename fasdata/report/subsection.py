"""Stretches of a section with a title of their own, and the links to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from fasdata.report.template import fill


@dataclass(frozen=True)
class Subsection:
    """A titled stretch of a section; `anchor` is its id in links, `lead` one sentence on what it shows."""

    anchor: str
    title: str
    parts: Sequence[Any]
    lead: str = ""

    def __html__(self) -> Markup:
        return fill("subsection", subsection=self)


@dataclass(frozen=True)
class Contents:
    """Links to the subsections of a long section; left out on paper."""

    subsections: Sequence[Subsection]

    def __html__(self) -> Markup:
        return fill("contents", subsections=self.subsections)
