"""The page: a title, sections with a list of contents, subsections; one file with everything inside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from fasdata.store.atomic import write_text

if TYPE_CHECKING:
    from jinja2 import Environment


# -- Where Python values meet HTML: every template is filled here, with escaping always on ----------------------------


def fill(template: str, **values: Any) -> Markup:
    """Return the template `templates/<template>.html.j2` filled with `values`.

    Plain text is escaped; a part of the kit (anything with `__html__`) goes in as it is.
    A name that the template uses and `values` lacks is an error, not an empty spot.
    """
    return Markup(_environment().get_template(f"{template}.html.j2").render(**values))


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(Path(__file__).resolve().parent / "templates")
    return Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


# -- The page: a title, sections with a list of contents, one file with everything inside -----------------------------


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


# -- Stretches of a section with a title of their own, and the links to them ------------------------------------------


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
