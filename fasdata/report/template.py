"""Where Python values meet HTML: every template is filled here, with escaping always on."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

if TYPE_CHECKING:
    from jinja2 import Environment


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
