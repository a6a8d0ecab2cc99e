"""Charts on a page: an inline SVG with a title and a line on how to read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from fasdata.report.template import fill


@dataclass(frozen=True)
class Chart:
    """A titled drawing (`svg` from `fasdata.report.drawing`) and, for newcomers, how to read it."""

    title: str
    svg: Markup
    reading: str = ""

    def __html__(self) -> Markup:
        return fill("figure", figure=self)


@dataclass(frozen=True)
class Charts:
    """Charts (or a notice in place of one) side by side where the page is wide enough."""

    charts: Sequence[Any]

    def __html__(self) -> Markup:
        return fill("figures", figures=self.charts)
