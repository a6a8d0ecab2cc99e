"""Find the declarative data (`manifests/`, `configs/`), in a checkout and in a wheel alike, and read YAML files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from fasdata.errors import UserError, nearest

# -- Where the declarative data lie -----------------------------------------------------------------------------------


def data_dir(name: str, package: str) -> Path:
    """Return the folder `name` that belongs to `package` (`fasdata` or `fastrain`).

    A wheel has it in `<package>/_data/<name>`; in a checkout it lies beside the packages.

    Raises:
        UserError: neither exists, so the installation is incomplete.
    """
    top = Path(__file__).resolve().parent.parent
    installed = top / package / "_data" / name
    if installed.is_dir():
        return installed
    checkout = top / name
    if checkout.is_dir() and (top / "pyproject.toml").is_file():
        return checkout
    raise UserError(
        f"the folder {name!r} of {package} is missing",
        expected=f"{installed} or {checkout}",
        do="install the package again",
    )


def manifests_dir() -> Path:
    """Return `manifests/`: dataset cards, protocols, recipes and published results."""
    return data_dir("manifests", "fasdata")


def configs_dir() -> Path:
    """Return `configs/`: a YAML file for each method and each preset."""
    return data_dir("configs", "fastrain")


# -- Read and validate declarative YAML files, shipped or given by the user -------------------------------------------

Model = TypeVar("Model", bound=BaseModel)


def read_declared(path: Path, model: type[Model]) -> Model:
    """Read a YAML file into a validated `model`.

    Raises:
        UserError: the file is unreadable or not YAML, a key is unknown (names the nearest), a value is wrong.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read", found=str(error)) from None
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not YAML", found=" ".join(str(error).split())) from None
    if not isinstance(data, dict):
        raise UserError(
            f"{path} does not hold keys and values", expected=", ".join(model.model_fields), found=type(data).__name__
        )
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise UserError(f"{path}: {_first_problem(error, model)}") from None


def _first_problem(error: ValidationError, model: type[BaseModel]) -> str:
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
