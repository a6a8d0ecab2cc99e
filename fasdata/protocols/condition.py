"""One condition on what a clip's path or list says of it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pydantic import Field, model_validator

from fasdata.datasets.card import Form, Pattern
from fasdata.records import LABELS, Clip

_OWN = ("split", "label", "attack_type", "pai", "subject", "clip_id", "layout")


class Condition(Form):
    """What `of` (a property of the clip, else one of its fields) must be: one of some values, none of them, a pattern.

    `label` limits the condition to clips of that label; the others pass. What the path does not tell is "".
    """

    of: str
    any_of: list[str] | None = None
    none_of: list[str] | None = None
    matches: Pattern | None = None
    label: str | None = Field(default=None, pattern=f"^({'|'.join(LABELS)})$")

    @model_validator(mode="after")
    def _one(self) -> Condition:
        if sum(way is not None for way in (self.any_of, self.none_of, self.matches)) != 1:
            raise ValueError(f"the condition on {self.of} needs exactly one of any_of, none_of, matches")
        return self

    def holds(self, clip: Clip) -> bool:
        """Tell whether the clip meets it."""
        if self.label is not None and clip.label != self.label:
            return True
        value = getattr(clip, self.of) if self.of in _OWN else clip.fields.get(self.of, "")
        if self.any_of is not None:
            return value in self.any_of
        if self.none_of is not None:
            return value not in self.none_of
        return bool(re.search(self.matches or "", value))

    def filled(self, fold: str) -> Condition:
        """Return the condition with `{fold}` replaced in its values."""

        def put(values: list[str] | None) -> list[str] | None:
            return None if values is None else [value.replace("{fold}", fold) for value in values]

        pattern = None if self.matches is None else self.matches.replace("{fold}", fold)
        changed = {"any_of": put(self.any_of), "none_of": put(self.none_of), "matches": pattern}
        return self.model_copy(update=changed)

    def __str__(self) -> str:
        """Return the condition in words."""
        if self.any_of is not None:
            said = f"{self.of} {_words(self.any_of)}"
        elif self.none_of is not None:
            said = f"{self.of} not {_words(self.none_of)}"
        else:
            said = f"{self.of} like {self.matches}"
        return f"{self.label} {said}" if self.label else said


def all_hold(conditions: Iterable[Condition], clip: Clip) -> bool:
    """Tell whether the clip meets every condition."""
    return all(condition.holds(clip) for condition in conditions)


def _words(values: list[str]) -> str:
    return " or ".join(value or "(none)" for value in values)
