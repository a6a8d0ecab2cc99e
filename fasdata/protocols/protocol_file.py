"""The form of a protocol's file: sources, targets and the clips each part takes, by split and by any field."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from fasdata.datasets.rule import Form
from fasdata.protocols.recipe_parts import Condition
from fasdata.records import ATTACK, BONAFIDE

_NAME = r"[a-z0-9][a-z0-9.-]{0,60}"
_OF_ATTACKS = ("attack_type", "pai")  # what bona fide clips have none of: a filter by it is about attacks

Split = Literal["train", "dev", "test"]


def _spelt(values: object) -> object:
    """Return YAML's numbers as the text that tables hold; a truth value may have been any of several words."""
    if not isinstance(values, list):
        return values
    if any(isinstance(value, bool) for value in values):
        raise ValueError("a yes, no, true or false has to stand in quotes, as the table spells it")
    return [str(value) if isinstance(value, int | float) else value for value in values]


Values = Annotated[list[str], BeforeValidator(_spelt)]


class Without(Form):
    """A filter that takes everything but some values."""

    without: Values = Field(min_length=1)


class Range(Form):
    """A filter by a number: a field, or what is measured of a clip's faces (`fasdata.quality`), the median of them."""

    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _has_an_end(self) -> Range:
        if self.at_least is None and self.at_most is None:
            raise ValueError("a range needs at_least, at_most or both")
        return self


Filter = dict[str, Values | Without | Range]


class Entry(Form):
    """What a part takes of a dataset: clips of these `splits` (default: all) that pass every filter.

    A filter names a property of a clip (`subject`, `attack_type`, `pai` …), one of its fields (`device`) or a measure
    of its faces (`face_size`), and the values it may have. Filters by attack type or instrument are about attacks;
    those in `bonafide` and `attack` are about the clips of that label.
    """

    dataset: str
    splits: list[Split] = Field(default_factory=list)
    where: Filter = Field(default_factory=dict)
    bonafide: Filter = Field(default_factory=dict)
    attack: Filter = Field(default_factory=dict)

    def conditions(self) -> tuple[Condition, ...]:
        """Return the filters as conditions on clips."""
        return (
            *(_condition(of, values, ATTACK if of in _OF_ATTACKS else None) for of, values in self.where.items()),
            *(_condition(of, values, BONAFIDE) for of, values in self.bonafide.items()),
            *(_condition(of, values, ATTACK) for of, values in self.attack.items()),
        )


class Parts(Form):
    """The content of a protocol's file.

    `sources` train, `targets` are tested. `validation` says what of the sources is held out; without it the rule of
    `--val auto` decides. A dataset may be source and target where no clip and no person of it is both.
    """

    name: str = Field(pattern=f"^{_NAME}$")
    title: str = ""
    sources: list[Entry] = Field(default_factory=list)
    validation: list[Entry] = Field(default_factory=list)
    targets: list[Entry] = Field(min_length=1)


class ProtocolFile(Form):
    """A protocol's file whose datasets are known: the entries of each role by slug, and the file's content."""

    parts: Parts
    sources: dict[str, Entry]
    validation: dict[str, Entry]
    targets: dict[str, Entry]

    def content(self) -> dict[str, object]:
        """Return the file's content, as a manifest keeps it."""
        return self.parts.model_dump(mode="json", exclude_defaults=True)

    @property
    def digest(self) -> str:
        """Eight hex digits that change with the content."""
        return sha256(json.dumps(self.content(), sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:8]


def _condition(of: str, values: list[str] | Without | Range, label: str | None) -> Condition:
    if isinstance(values, Range):
        return Condition(of=of, at_least=values.at_least, at_most=values.at_most, label=label)
    if isinstance(values, Without):
        return Condition(of=of, none_of=values.without, label=label)
    return Condition(of=of, any_of=values, label=label)
