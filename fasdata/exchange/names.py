"""The names that papers give to clips, as `manifests/exchange/` declares them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TypeVar

from pydantic import BaseModel

from fasdata.datasets.rule import Form, Pattern, template
from fasdata.errors import UserError
from fasdata.resources import manifests_dir, read_declared

Model = TypeVar("Model", bound=BaseModel)
_PART = re.compile(r"[A-Za-z0-9_+=@-][A-Za-z0-9._+=@-]{0,249}")


class NameRule(Form):
    """Clips whose whole id matches `clip`, and the template of their path in a paper's layout."""

    clip: Pattern
    path: str


def read_names(layout: str, model: type[Model]) -> Model:
    """Return the declared names of a layout."""
    return read_declared(manifests_dir() / "exchange" / f"{layout}.yaml", model)


def fill(rules: Sequence[NameRule], clip_id: str, values: Mapping[str, str]) -> str | None:
    """Return the path that the first fitting rule gives, None where no rule fits; groups go before `values`."""
    for rule in rules:
        match = _compiled(rule.clip).fullmatch(clip_id)
        if match:
            return template(rule.path)({**values, **match.groupdict("")})
    return None


def clip_path(clip_id: str) -> str:
    """Return a clip's own path: its id with a folder for every `__`, or in one piece where that would be no path."""
    parts = clip_id.split("__")
    return "/".join(parts) if all(map(_PART.fullmatch, parts)) else clip_id


def require_safe(paths: Sequence[str]) -> None:
    """Check that files stay inside the folder they are meant for, on every file system, and are not one another.

    Raises:
        UserError: a part of a path is empty, begins with a dot or has characters that paths should not have; two paths
            differ in case only, or not at all.
    """
    seen: dict[str, str] = {}
    for path in paths:
        if not all(map(_PART.fullmatch, path.split("/"))):
            raise UserError(f"the export would write a file {path!r}", expected="a plain path inside its folder")
        key = path.casefold()
        if key in seen:
            raise UserError(
                f"two things of the export would be the file {path}",
                found=f"{seen[key]} before",
                do="two clips have one name there: leave one out of the protocol",
            )
        seen[key] = path


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)
