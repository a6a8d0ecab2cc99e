"""The form of a dataset card: what a dataset is, who owns it, and what its paths mean."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from fasdata.records import ATTACK_TYPES, LABELS, SPLITS

SLUG = re.compile(r"^[a-z0-9][a-z0-9.-]*$")
_PLACEHOLDER = re.compile(r"\{(\w+)(?::(\d+))?\}")


class Form(BaseModel):
    """Base of everything read from a file: an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return pattern


Pattern = Annotated[str, AfterValidator(_compiles)]


class Mapped(Form):
    """A value looked up in a table: the template `of` filled from the path is the key, compared without case."""

    of: str
    map: dict[str, str]

    def fill(self, groups: dict[str, str]) -> str | None:
        """Return the value, or None when the table lacks the key."""
        key = fill(self.of, groups).casefold()
        return next((value for name, value in self.map.items() if name.casefold() == key), None)


Value = str | Mapped


class PathRule(Form):
    """One regular expression and what a path that ends in it means.

    `pattern` has named groups and is matched, without regard to case, against the end of the path, from a folder name
    on. `tail` is the canonical path of the clip below the dataset root, without extension: the clip's id is made of it.
    Values are templates such as `{split}-{person:2}` (`:2` pads with zeros to two characters) or tables.
    """

    pattern: Pattern
    tail: str
    split: Value = ""
    label: Value = ""
    attack_type: Value = ""
    pai: Value = ""
    subject: Value = ""
    fields: dict[str, Value] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _closed(self) -> PathRule:
        groups = set(re.compile(self.pattern).groupindex)
        values: list[Value] = [
            self.tail,
            self.split,
            self.label,
            self.attack_type,
            self.pai,
            self.subject,
            *self.fields.values(),
        ]
        for value in values:
            for name, _ in _PLACEHOLDER.findall(value.of if isinstance(value, Mapped) else value):
                if name not in groups:
                    raise ValueError(f"{{{name}}} is not a group of the pattern")
        for name, allowed in (("split", SPLITS), ("label", LABELS), ("attack_type", ATTACK_TYPES)):
            value = getattr(self, name)
            if isinstance(value, Mapped) and not set(value.map.values()) <= {"", *allowed}:
                raise ValueError(f"{name} maps to something other than {', '.join(allowed)}")
        return self


class Layout(Form):
    """One form in which the dataset lies on disk. `examples` are real relative paths, shown when nothing matches."""

    name: str
    examples: list[str] = Field(min_length=1)
    rules: list[PathRule] = Field(min_length=1)
    modality: Literal["rgb", "depth", "ir"] = "rgb"
    keep_case: bool = False


class SubjectSplit(Form):
    """A split that hangs on the subject and stands in list files, one number a line; `table` serves where they lack."""

    files: dict[Literal["train", "dev", "test"], str]
    table: dict[Literal["train", "dev", "test"], list[int]]


class Count(Form):
    """Clips by label."""

    bonafide: int = Field(ge=0)
    attack: int = Field(ge=0)


class Card(Form):
    """What is known of a dataset. `pools` gives its letter in protocol names; `counts` its clips by split."""

    name: str
    aliases: list[str] = Field(default_factory=list)
    pools: dict[str, str] = Field(default_factory=dict)
    owner: str
    licence: str
    modalities: list[Literal["rgb", "depth", "ir"]] = Field(min_length=1)
    subject_rule: str
    counts: dict[Literal["train", "dev", "test"], Count] = Field(default_factory=dict)
    layouts: list[Layout] = Field(min_length=1)
    rejects: dict[Literal["excluded-enroll", "protocol-file", "sidecar"], list[Pattern]] = Field(default_factory=dict)
    subject_split: SubjectSplit | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Card:
        if not SLUG.fullmatch(self.slug):
            raise ValueError(f"the name {self.name!r} does not make a folder name")
        strange = sorted({layout.modality for layout in self.layouts} - set(self.modalities))
        if strange:
            raise ValueError(f"a layout holds {strange[0]}, which is not among the modalities")
        return self

    @property
    def slug(self) -> str:
        """The name in lower case: the store's folder and the value of `dataset` everywhere."""
        return self.name.lower()


def fill(template: str, groups: dict[str, str]) -> str:
    """Return the template with its `{group}` and `{group:width}` places filled."""
    return _PLACEHOLDER.sub(lambda found: groups[found[1]].zfill(int(found[2] or 0)), template)
