"""What a sweep is asked for: a grid of methods, protocols, recipes, settings and seeds, spread out into single runs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from fasdata.errors import UserError
from fasdata.foreign import read_yaml, short, validated, yaml_of
from fastrain.methods.registry import METHODS

LARGEST_SEED = 2**32 - 1
MOST_RUNS = 100_000  # beyond this a grid is a slip of the pen

_ARROW = re.compile(r"\sto\s|->", re.IGNORECASE)  # between names of datasets
_IN_LETTERS = re.compile(r"[A-Za-z]+(-[A-Za-z]|2[A-Za-z+]+)(@.*)?")

Names = Annotated[tuple[str, ...], Field(min_length=1)]


class Grid(BaseModel):
    """The form of a grid file; every key can be given at the command line too, which then counts.

    `set` holds settings for all runs, `grid` lists of values to try: every combination is a run. Under the name of a
    method they are settings of that method alone. `presets` names one for all methods, or one a method, or one a method
    and protocol. `exclude` leaves out the runs that have all the values of an entry.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    methods: Names
    protocols: Names
    recipes: Names = ("standard",)
    seeds: tuple[Annotated[int, Field(ge=0, le=LARGEST_SEED)], ...] = (0,)
    presets: str | dict[str, str | dict[str, str]] | None = None
    set: dict[str, Any] = {}
    grid: dict[str, Any] = {}
    exclude: tuple[dict[str, Any], ...] = ()

    @field_validator("methods", "recipes", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return names_in(value) if isinstance(value, str) else value

    @field_validator("protocols", mode="before")
    @classmethod
    def _protocols(cls, value: Any) -> Any:
        return protocols_in(value) if isinstance(value, str) else value

    @field_validator("seeds", mode="before")
    @classmethod
    def _seeds(cls, value: Any) -> Any:
        return seeds_in(str(value)) if isinstance(value, int | str) else value


@dataclass(frozen=True)
class Wish:
    """One run of a grid, in the user's words; `varied` are those of the `overrides` that the grid tries values of."""

    method: str
    protocol: str
    recipe: str
    seed: int
    preset: str | None
    overrides: tuple[str, ...]
    varied: tuple[str, ...]


def names_in(text: str) -> tuple[str, ...]:
    """Return the names in a text, separated by commas.

    >>> names_in("hfn_mp, erm")
    ('hfn_mp', 'erm')
    """
    return tuple(name for part in text.split(",") if (name := part.strip()))


def protocols_in(text: str) -> tuple[str, ...]:
    """Return the protocols in a text, separated by commas, as datasets after an arrow may be too.

    >>> protocols_in("CIO-M, A to each of B-C, mine, B2C+I, mylab:split")
    ('CIO-M', 'A to each of B-C, mine', 'B2C+I', 'mylab:split')
    """
    names: list[str] = []
    for part in names_in(text):
        begins = _ARROW.search(part) or ":" in part or _IN_LETTERS.fullmatch(part) or part.endswith((".yaml", ".yml"))
        if names and _ARROW.search(names[-1]) and not begins:
            names[-1] += f", {part}"
        else:
            names.append(part)
    return tuple(names)


def seeds_in(text: str) -> tuple[int, ...]:
    """Return the seeds that a text names: numbers and ranges, ends included, separated by commas.

    Raises:
        ValueError: it names none.

    >>> seeds_in("0-2,7")
    (0, 1, 2, 7)
    """
    seeds: list[int] = []
    for part in names_in(text):
        first, dash, last = part.partition("-")
        if not (first.isdecimal() and (last.isdecimal() or not dash)):
            raise ValueError(f"seeds are written 0-4 or 0,1,7, not {short(text)}")
        low, high = int(first), int(last or first)
        if not low <= high <= LARGEST_SEED or high - low >= MOST_RUNS:
            raise ValueError(f"no range of seeds: {short(part)}")
        seeds += range(low, high + 1)
    return tuple(seeds)


def read_grid(file: Path | None, given: Mapping[str, Any]) -> Grid:
    """Return the grid of a file with what was `given` at the command line laid over it; None is not given.

    Raises:
        UserError: the file is none, or a key is unknown (names the nearest), missing or of another form.
    """
    tree = read_yaml(file) if file else {}
    where = str(file) if file else "the options of the sweep"
    if not isinstance(tree, Mapping):
        raise UserError(f"{where} holds no grid", expected="a mapping of keys such as methods, protocols, seeds")
    asked = {key: value for key, value in given.items() if value is not None}
    for key in ("set", "grid"):
        if key in asked and isinstance(tree.get(key), Mapping):
            asked[key] = {**tree[key], **asked[key]}
    return validated(
        Grid, {**tree, **asked}, where, do="for example: fastrain sweep --methods erm,hfn_mp --protocols CIO-M,OMI-C"
    )


def settings_in(texts: Sequence[str] | None, option: str) -> dict[str, Any] | None:
    """Return the values of several `KEY=VALUE`, read as YAML; None where there are none.

    Raises:
        UserError: a text has another form.
    """
    if not texts:
        return None
    values = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not (equals and key.strip()):
            raise UserError(
                f"cannot read {option} {text!r}", expected="key=value, for example train.max_iterations=500"
            )
        values[key.strip()] = yaml_of(value, f"the value of {option} {text[:200]!r}")
    return values


def spread(grid: Grid) -> list[Wish]:
    """Return every run of a grid, method by method, less those that it excludes.

    Raises:
        UserError: values to try are no list, presets or exclusions name what the grid lacks, or nothing is left.
    """
    _require_known(grid)
    wishes = [wish for method in grid.methods for wish in _of_method(grid, method) if not _excluded(grid, wish)]
    if not wishes:
        raise UserError("the grid excludes all of its runs")
    if len(wishes) > MOST_RUNS:
        raise UserError(f"the grid has {len(wishes):,} runs", expected=f"at most {MOST_RUNS:,}")
    return wishes


def _of_method(grid: Grid, method: str) -> Iterator[Wish]:
    constant = _texts(_of(grid.set, method, grid.methods))
    tried = _of(grid.grid, method, grid.methods)
    for key, values in tried.items():
        if not isinstance(values, list) or not values:
            raise UserError(f"the values to try of {key}", expected=f"a list: {key}=[0.1, 0.01]", found=short(values))
    combinations = [_texts(dict(zip(tried, values, strict=True))) for values in product(*tried.values())]
    for protocol, recipe, varied, seed in product(grid.protocols, grid.recipes, combinations, grid.seeds):
        yield Wish(
            method, protocol, recipe, seed, _preset(grid.presets, method, protocol), (*constant, *varied), varied
        )


def _of(settings: Mapping[str, Any], method: str, methods: Sequence[str]) -> dict[str, Any]:
    """Return the settings of a method: those of all, and those under its own name."""
    names = {*METHODS, *methods}  # settings of a method that this sweep leaves out do no harm
    of_all = {key: value for key, value in settings.items() if not (key in names and isinstance(value, Mapping))}
    own = settings.get(method)
    return {**of_all, **own} if isinstance(own, Mapping) else of_all


def _texts(settings: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(f"{key}={json.dumps(value)}" for key, value in settings.items())  # JSON is YAML on one line


def _texts_of(key: str, values: Any) -> list[str]:
    return [text for value in (values if isinstance(values, list) else [values]) for text in _texts({key: value})]


def _preset(presets: str | Mapping[str, Any] | None, method: str, protocol: str) -> str | None:
    of_method = presets.get(method) if isinstance(presets, Mapping) else presets
    return of_method.get(protocol) if isinstance(of_method, Mapping) else of_method


def _require_known(grid: Grid) -> None:
    """Check that presets and exclusions speak of what the grid has: a slip would otherwise do nothing, unseen."""
    for method in grid.presets if isinstance(grid.presets, Mapping) else ():
        _require(method, grid.methods, "presets: a method")
    axes = {"method": grid.methods, "protocol": grid.protocols, "recipe": grid.recipes, "seed": grid.seeds}
    for entry in grid.exclude:
        for key, value in entry.items():
            if key in axes:
                for each in value if isinstance(value, list) else [value]:
                    _require(each, axes[key], f"exclude: a {key}")
            elif not any(key in _of(grid.grid, method, grid.methods) for method in grid.methods):
                raise UserError(f"exclude: {key}", expected="method, protocol, recipe, seed or a key of 'grid'")


def _require(name: Any, names: Sequence[Any], what: str) -> None:
    if name not in names:
        raise UserError(f"{what} of the grid is meant", expected=", ".join(map(str, names)), found=str(name))


def _excluded(grid: Grid, wish: Wish) -> bool:
    axes = {"method": wish.method, "protocol": wish.protocol, "recipe": wish.recipe, "seed": wish.seed}
    has = {*_texts(axes), *wish.varied}
    return any(all(has & {*_texts_of(key, value)} for key, value in entry.items()) for entry in grid.exclude if entry)
