"""Check values from outside against a pydantic model; the first problem is told in one line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from fasdata.errors import UserError, nearest
from fasdata.foreign.trees import read_yaml, too_deep

Model = TypeVar("Model", bound=BaseModel)


def validated(model: type[Model], data: Any, where: str) -> Model:
    """Return the data as a validated `model`; its validators know the source, `where`, from their context.

    Raises:
        UserError: it is no mapping of keys, a key is unknown (names the nearest), or a value does not fit.
    """
    if not isinstance(data, Mapping):
        raise UserError(
            f"{where} does not hold keys and values", expected=", ".join(model.model_fields), found=type(data).__name__
        )
    try:
        return model.model_validate(dict(data), context={"where": where})
    except ValidationError as error:
        raise UserError(f"{where}: {first_problem(error, model)}") from None
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
    problems = error.errors(include_url=False, include_input=False)
    # A misspelt key is also a missing one: the spelling is what helps.
    first = next((problem for problem in problems if problem["type"] == "extra_forbidden"), problems[0])
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        close = nearest(str(first["loc"][-1]), {path.rpartition(".")[2] for path in key_paths(model)})
        return f"unknown key {where!r}" + (f"; did you mean {close!r}?" if close else "")
    return f"{where or 'the file'}: {first['msg'].removeprefix('Value error, ')}"


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
