"""Check values from outside against a pydantic model; the first problem is told in one line."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from fasdata.errors import UserError, nearest
from fasdata.foreign.trees import read_yaml, too_deep

Model = TypeVar("Model", bound=BaseModel)

_TELLS_ITSELF = ("missing", "value_error", "assertion_error")  # the value would repeat the words, or is the whole input
_NAMES = 8  # keys of a model that an error lists


def validated(model: type[Model], data: Any, where: str, *, do: str = "") -> Model:
    """Return the data as a validated `model`; its validators know the source, `where`, from their context.

    An error names the source, the key, what was expected, what stands there, and in `do` what helps.

    Raises:
        UserError: it is no mapping of keys, a key is unknown (names the nearest), or a value does not fit.
    """
    if not isinstance(data, Mapping):
        names = list(model.model_fields)
        listed = ", ".join(names[:_NAMES]) + (", …" if len(names) > _NAMES else "")
        raise UserError(f"{where} does not hold keys and values", expected=listed, found=type(data).__name__, do=do)
    try:
        return model.model_validate(dict(data), context={"where": where})
    except ValidationError as error:
        raise UserError(f"{where}: {first_problem(error, model)}", do=do) from None
    except RecursionError:
        raise too_deep(where) from None


def read_declared(path: Path, model: type[Model]) -> Model:
    """Read a YAML file into a validated `model`.

    Raises:
        UserError: as `read_yaml` and `validated`.
    """
    return validated(model, read_yaml(path), str(path))


def first_problem(error: ValidationError, model: type[BaseModel]) -> str:
    """Return the most telling problem of a failed validation, in one line."""
    problems = error.errors(include_url=False)
    # A misspelt key is also a missing one: the spelling is what helps.
    first = next((problem for problem in problems if problem["type"] == "extra_forbidden"), problems[0])
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        close = nearest(str(first["loc"][-1]), {path.rpartition(".")[2] for path in key_paths(model)})
        return f"unknown key {where!r}" + (f"; did you mean {close!r}?" if close else "")
    seen = "" if first["type"] in _TELLS_ITSELF else f"; found {short(first['input'])}"
    return f"{where or 'the file'}: {first['msg'].removeprefix('Value error, ')}{seen}"


def short(value: Any) -> str:
    """Return a value as Python writes it, cut to a length that fits a line.

    >>> short({"a": [1] * 1000})
    "{'a': [1, 1, 1, 1, ...]}"
    """
    try:
        return _SHORT.repr(value)
    except ValueError:  # a number of more digits than Python writes
        return f"a {type(value).__name__} of too many digits"


_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxlist, _SHORT.maxdict, _SHORT.maxtuple = 3, 4, 4, 4
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60


def key_paths(
    model: type[BaseModel], inner: Mapping[str, type[BaseModel]] | None = None, prefix: str = ""
) -> Iterator[str]:
    """Yield the path (`data.augment.blur`) of every key of a model, each section before the keys in it.

    `inner` gives the models of those sections, by path, that the outer model declares as plain mappings.
    """
    for name, field in model.model_fields.items():
        path = prefix + name
        yield path
        for section in [inner[path]] if inner and path in inner else _models_in(field.annotation):
            yield from key_paths(section, inner, path + ".")


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)
