"""Put a page together: title, contents, sections and subsections, in one self-contained file."""

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


# -- Templates, always with escaping ----------------------------------------------------------------------------------


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


# -- Pages and sections -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Section:
    """A titled part of a page; `anchor` is its id in links, `lead` a sentence on its content."""

    anchor: str
    title: str
    parts: Sequence[Any]
    lead: str = ""


@dataclass(frozen=True)
class Page:
    """A report. `facts` are shown under the title, then `answer`, a part that says what the page comes to.

    `sheet` sets it close, to print on one page.
    """

    title: str
    sections: Sequence[Section]
    facts: Sequence[tuple[str, Any]] = ()
    footer: str = ""
    answer: Any = ""
    sheet: bool = False

    def html(self) -> str:
        """Return the page as HTML text; the same page gives the same bytes."""
        return str(fill("page", page=self))

    def write(self, out: Path) -> None:
        """Write the page to `out` in one step: a reader gets the old file or the new one, never a part of it."""
        # A lone surrogate (from a file name that is not UTF-8) must not stop the report.
        write_text(out, self.html().encode("utf-8", "replace").decode("utf-8"))


# -- Subsections and links to them ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Subsection:
    """A titled part of a section; `anchor` is its id in links, `lead` a sentence on its content."""

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
