"""Find the name that a paper gives to a clip, from the rules in `manifests/exchange/`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TypeVar

from pydantic import BaseModel

from fasdata.datasets.rule import Form, Pattern, template
from fasdata.errors import UserError
from fasdata.foreign import expression, read_declared
from fasdata.resources import manifests_dir

Model = TypeVar("Model", bound=BaseModel)
_PART = re.compile(r"[A-Za-z0-9_+=@-][A-Za-z0-9._+=@-]{0,249}")


class NameRule(Form):
    """A pattern that the whole id of a clip must match, and the template of its path in a paper's layout."""

    clip: Pattern
    path: str


def read_names(layout: str, model: type[Model]) -> Model:
    """Return the declared names of a layout."""
    return read_declared(manifests_dir() / "exchange" / f"{layout}.yaml", model)


def fill(rules: Sequence[NameRule], clip_id: str, values: Mapping[str, str]) -> str | None:
    """Return the path from the first rule that matches, None where none does; groups go before `values`."""
    for rule in rules:
        match = expression(rule.clip).fullmatch(clip_id)
        if match:
            return template(rule.path)({**values, **match.groupdict("")})
    return None


def clip_path(clip_id: str) -> str:
    """Return a clip's own path: its id with a folder for every `__`, or its id unchanged where that is no safe path."""
    parts = clip_id.split("__")
    return "/".join(parts) if all(map(_PART.fullmatch, parts)) else clip_id


def require_safe(paths: Sequence[str]) -> None:
    """Check that paths stay inside their folder and differ from each other, on every file system.

    Raises:
        UserError: a part of a path is empty, begins with a dot or has an unsafe character; two paths are equal, or
            differ in case only.
    """
    first_spelling: dict[str, str] = {}
    for path in paths:
        if not all(map(_PART.fullmatch, path.split("/"))):
            raise UserError(f"the export would write a file {path!r}", expected="a plain path inside its folder")
        key = path.casefold()
        if key in first_spelling:
            raise UserError(
                f"two pictures of the export would be the file {path}",
                found=f"{first_spelling[key]} before",
                do="two clips have the same name in this layout: leave one out of the protocol",
            )
        first_spelling[key] = path
