"""The rules of a card: a pattern for paths, and a template or table for each fact that such a path states."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from operator import itemgetter
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, model_validator

from fasdata.foreign import ForeignPattern, expression, why_no_expression
from fasdata.records import ATTACK_TYPES, LABELS, SPLITS
from fasdata.resources import manifests_dir

_PLACEHOLDER = re.compile(r"\{(\w+)(?::(\d{1,2}|upper))?\}")


class Form(BaseModel):
    """Base of the models that are read from files: an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _compiles(pattern: str, about: ValidationInfo) -> str:
    """Return the pattern; one from a file that we do not ship is foreign, and runs under a time limit."""
    where = (about.context or {}).get("where", "")
    if where and Path(where).is_relative_to(manifests_dir()):
        return pattern  # of a card of ours: the tests have seen that it compiles, and there are hundreds
    if why := why_no_expression(pattern):
        raise ValueError(f"not a regular expression: {why}")
    return ForeignPattern(pattern, where) if where else pattern


Pattern = Annotated[str, AfterValidator(_compiles)]


class Mapped(Form):
    """A value looked up in a table by the template `of`, filled from the path.

    A key is a regular expression that must match in full, in any case; the first that does gives the value. Where none
    matches, `default` is the value; without a default the path counts as unmatched.
    """

    of: str
    map: dict[Pattern, str]
    default: str | None = None

    def values(self) -> set[str]:
        """Return all values of the table, the default included."""
        return {*self.map.values()} | ({self.default} if self.default is not None else set())


Value = str | Mapped


class PathRule(Form):
    """A regular expression, and what a path means that ends in a match of it.

    `pattern` has named groups and is matched in any case against the end of the path, from a folder name on. `tail` is
    the canonical path of the clip without extension, of which the clip's id is made. Values are templates such as
    `{split}-{person:2}` (`:2` pads with zeros to two characters, `:upper` writes capitals) or tables. `derive` adds
    names that templates may use like groups. A group called `frame` is the number of a frame: the clip then lies in
    the folder above. `attack_name` gives what the release calls the attack, in any words: attack type and species are
    made of it where the rule gives none.
    """

    pattern: Pattern
    tail: str
    derive: dict[str, Value] = Field(default_factory=dict)
    split: Value = ""
    label: Value = ""
    attack_type: Value = ""
    pai: Value = ""
    attack_name: Value = ""
    subject: Value = ""
    fields: dict[str, Value] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _closed(self) -> PathRule:
        names = self.groups
        for name in self.derive:
            if name in names:
                raise ValueError(f"{{{name}}} is both derived and a group of the pattern")
        for value in [*self.derive.values(), *self._values()]:
            text = value.of if isinstance(value, Mapped) else value
            if set("{}") & set(_PLACEHOLDER.sub("", text)):
                raise ValueError(f"{text[:60]!r}: expected {{group}}, {{group:width}} or {{group:upper}}")
            for name in placeholders(value):
                if name not in names and name not in self.derive:
                    raise ValueError(f"{{{name}}} is not a group of the pattern")
        for name, allowed in (("split", SPLITS), ("label", LABELS), ("attack_type", ATTACK_TYPES)):
            value = getattr(self, name)
            if isinstance(value, Mapped) and not value.values() <= {"", *allowed}:
                raise ValueError(f"{name} maps to something other than {', '.join(allowed)}")
        return self

    @property
    def groups(self) -> set[str]:
        """The names of the pattern's groups."""
        return set(re.compile(self.pattern).groupindex)

    def _values(self) -> list[Value]:
        values = [self.tail, self.split, self.label, self.attack_type, self.pai, self.attack_name, self.subject]
        return [*values, *self.fields.values()]


Reader = Callable[[Mapping[str, str]], str | None]


def reader_of(value: Value) -> Reader:
    """Return the function that gives a value from the groups of a path, by template or table.

    The function returns None where the table has neither a matching key nor a default.
    """
    if isinstance(value, str):
        return template(value)
    key_of, default = template(value.of), value.default
    keys = [(expression(key), answer) for key, answer in value.map.items()]
    answers: dict[str, str | None] = {}

    def look_up(groups: Mapping[str, str]) -> str | None:
        text = key_of(groups)
        if text not in answers:
            answers[text] = next((answer for key, answer in keys if key.fullmatch(text)), default)
        return answers[text]

    return look_up


def template(text: str) -> Callable[[Mapping[str, str]], str]:
    """Return the function that fills the `{group}`, `{group:width}` and `{group:upper}` places of a text.

    >>> template("{split}-{person:2}")({"split": "train", "person": "7"})
    'train-07'
    """
    pieces = _PLACEHOLDER.split(text)  # text, name, shape, text, name, shape, …, text
    if len(pieces) == 1:
        return lambda _: text
    if len(pieces) == 4 and not pieces[0] and not pieces[3] and not pieces[2]:
        return itemgetter(pieces[1])
    places = [(pieces[at], pieces[at + 1], pieces[at + 2]) for at in range(1, len(pieces), 3)]
    start = pieces[0]

    def fill(groups: Mapping[str, str]) -> str:
        return start + "".join([_shaped(groups[name], shape) + after for name, shape, after in places])

    return fill


def placeholders(value: Value) -> Iterator[str]:
    """Yield the names of the groups that a template, or the template of a table, uses."""
    for match in _PLACEHOLDER.finditer(value.of if isinstance(value, Mapped) else value):
        yield match[1]


def _shaped(text: str, shape: str | None) -> str:
    if shape is None:
        return text
    return text.upper() if shape == "upper" else text.zfill(int(shape))
