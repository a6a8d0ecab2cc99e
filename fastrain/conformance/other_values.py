"""Find for a setting another value that it can have, from its type and bounds."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo


def other_values(field: FieldInfo, value: Any) -> list[Any]:
    """Return values of a setting other than `value`, likely ones first; none where its type tells none.

    Bounds are not looked at: what does not fit is refused by the settings themselves.
    """
    return [other for other in _of_type(field.annotation, value) if other != value]


def valid_changes(settings: type[BaseModel], before: dict[str, Any], key: str) -> Iterator[dict[str, Any]]:
    """Yield for a setting the changes that the settings accept, each with another value of it alone."""
    for value in other_values(settings.model_fields[key], getattr(settings(**before), key)):
        try:
            changed = settings(**{**before, key: value})
        except ValidationError:
            continue
        if getattr(changed, key) != getattr(settings(**before), key):
            yield {key: value}


def _of_type(kind: Any, value: Any) -> Iterator[Any]:
    origin = get_origin(kind)
    if origin is Annotated:
        yield from _of_type(get_args(kind)[0], value)
    elif origin is Literal:
        yield from get_args(kind)
    elif origin in (Union, types.UnionType):
        if value is not None:
            yield from _of_type(type(value), value)
        for part in get_args(kind):
            yield from _of_type(part, value)
    elif kind is bool:
        yield not value
    elif kind is int:
        count = value if isinstance(value, int) else 0
        yield from (count + 1, 2 * count, count // 2, count - 1, 1)
    elif kind is float:
        start = float(value) if isinstance(value, int | float) else 0.0
        yield from (start * 0.5 if start else 0.5, start + 0.5, 0.1, 2 * start, 1.0)
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        yield from _of_section(kind, value)
    elif origin is tuple and value:
        yield from (tuple(reversed(value)), value[:1], value[:-1])


def _of_section(kind: type[BaseModel], value: Any) -> Iterator[dict[str, Any]]:
    before = value.model_dump() if isinstance(value, BaseModel) else {}
    for key in kind.model_fields:
        for change in valid_changes(kind, before, key):
            yield {**before, **change}
