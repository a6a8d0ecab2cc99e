"""The page: a title, sections with a list of contents, one file with everything inside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fasdata.report.template import fill
from fasdata.store.atomic import write_text


@dataclass(frozen=True)
class Section:
    """A titled stretch of the page; `anchor` is its id in links, `lead` one sentence on what it shows."""

    anchor: str
    title: str
    parts: Sequence[Any]
    lead: str = ""


@dataclass(frozen=True)
class Page:
    """A whole report. `facts` stand under the title: what this page is about."""

    title: str
    sections: Sequence[Section]
    facts: Sequence[tuple[str, Any]] = ()
    footer: str = ""

    def html(self) -> str:
        """Return the page as HTML text; the same page gives the same bytes."""
        return str(fill("page", page=self))

    def write(self, out: Path) -> None:
        """Write the page to `out` in one step: a reader finds the old file or the new one, never half of one."""
        # A lone surrogate (from a file name that is no UTF-8) must not cost the report.
        write_text(out, self.html().encode("utf-8", "replace").decode("utf-8"))
