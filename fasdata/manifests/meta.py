"""The description of a manifest: names, recipe, validation, counts, drops, stores."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from fasdata.datasets.card import SLUG
from fasdata.datasets.rule import Form
from fasdata.manifests.table import PartName

FORMAT: Literal[1] = 1
Slug = Field(pattern=SLUG.pattern)


class Domain(Form):
    """A dataset in its role; targets have `domain_id` -1. `repeats` is how often the recipe lists the source."""

    domain_id: int = Field(ge=-1)
    domain: str
    dataset: str = Slug
    letter: str
    name: str
    repeats: int = 1


class KeptCode(Form):
    """A frame rule from outside: what it is called, how its user named it, its package, and the hash of each file."""

    what: Literal["frame rule"]
    name: str
    named: str
    package: str = ""
    version: str = ""
    sha256: str
    files: dict[str, str]


class HeldOut(Form):
    """How a source got its validation clips: the official dev split, a share of its people, a file, or not at all."""

    dataset: str = Slug
    rule: Literal["official dev", "subjects", "file", "none"]
    subjects: list[str] = Field(default_factory=list)
    of: int = 0
    why: str = ""


class Validation(Form):
    """The validation rule: `mode` and `seed` as given, and its result in each source."""

    mode: Literal["auto", "none"]
    seed: int
    share: float
    datasets: list[HeldOut]


class Tally(Form):
    """Clips of one label of a dataset in one part; `fta` of them have no usable frame."""

    part: PartName
    dataset: str
    label: Literal["bonafide", "attack"]
    clips: int
    frames: int
    subjects: int
    fta: int


class Loss(Form):
    """Clips (or frames) lost for one reason. `examples` are up to three clip ids."""

    part: PartName
    dataset: str
    label: Literal["bonafide", "attack"]
    reason: str
    clips: int = 0
    frames: int = 0
    examples: list[str] = Field(default_factory=list)


class Unused(Form):
    """Clips that the recipe leaves out because of their official split."""

    dataset: str
    split: str
    label: str
    clips: int


class Deviation(Form):
    """A count of clips, before any was dropped, that is not what the recipe expects of the full dataset."""

    role: Literal["sources", "validation", "target"]
    dataset: str
    label: Literal["bonafide", "attack"]
    expected: int
    found: int


class Crossing(Form):
    """Clips, people or contents that are in two parts; `examples` name up to three."""

    kind: Literal["clip", "person", "content"]
    number: int
    examples: list[str]


class Leakage(Form):
    """Leakage that was let through, and the reason given for it."""

    reason: str = Field(min_length=1)
    found: list[Crossing]


class Forgotten(Form):
    """A person's clips taken out after the build (`fasdata forget`), and the fingerprint the rows had before."""

    dataset: str = Slug
    clips: int
    frames: int
    parts: list[PartName]
    fingerprint: str


class _Kept(BaseModel):
    """Base of what a manifest repeats of a recipe: what is looked at has its type, the rest is kept as it is."""

    model_config = ConfigDict(extra="allow", frozen=True)


class KeptScoring(_Kept):
    """How the recipe's authors score, in words; empty where the recipe does not say."""

    units: list[str] = Field(default_factory=list)
    selection: str = ""
    threshold: str = ""


class KeptPool(_Kept):
    """The part of a recipe for one pool."""

    sources: dict[str, Any] = Field(default_factory=dict)
    scoring: KeptScoring = KeptScoring()


class KeptRecipe(_Kept):
    """The recipe that a manifest was built by; its name becomes a folder's. `parameters` deviate from it, if any."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    title: str = ""
    pools: dict[str, KeptPool] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _named_parameters(self) -> KeptRecipe:
        parameters_of(self.model_extra or {})
        return self


def parameters_of(recipe: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters that a manifest's recipe was used with, by the name of their option.

    Raises:
        ValueError: they are no texts.
    """
    parameters = recipe.get("parameters") or {}
    if not isinstance(parameters, dict) or not all(
        isinstance(text, str) for pair in parameters.items() for text in pair
    ):
        raise ValueError("parameters: texts by name")
    return parameters


def recipe_key(recipe: Mapping[str, Any]) -> str:
    """Return the canonical name of a manifest's recipe with its parameters: a folder, a column, an identity.

    >>> recipe_key({"name": "hfn_mp"}), recipe_key({"name": "hfn_mp", "parameters": {"val": "none"}})
    ('hfn_mp', 'hfn_mp@18e03b78')
    """
    parameters = parameters_of(recipe)
    if not parameters:
        return str(recipe.get("name"))
    return f"{recipe.get('name')}@{sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()[:8]}"


def recipe_text(recipe: Mapping[str, Any]) -> str:
    """Return a manifest's recipe with its parameters as tables write it.

    >>> recipe_text({"name": "hfn_mp", "parameters": {"frames": "all@decoded"}})
    'hfn_mp, frames=all@decoded'
    """
    return ", ".join([str(recipe.get("name")), *(f"{name}={text}" for name, text in parameters_of(recipe).items())])


class Meta(Form):
    """The form of `Manifest.meta`; `manifest.json` holds the same.

    `stores` maps each dataset's slug, which is its store's folder in the library, to the content hash it had.
    `masked` are modalities taken away at test, `notes` what the recipe replaces, `lists` what list files decided,
    `file` the content of the protocol's file, for one that comes from a file.
    `drops` are clips left out, `fta` target clips kept without a usable frame, `missed_frames` single frames.
    `forgotten` are people taken out later: `counts` and `fta` are without them, other losses as the build had them.
    """

    format: Literal[1]
    canonical: str = Field(pattern=r"^[a-z0-9.-]+:[A-Za-z0-9@._+-]+$")  # becomes a folder name
    alias: str
    pool: str
    recipe: KeptRecipe
    domains: list[Domain]
    target: list[Domain]
    frame_rules: dict[PartName, str]
    modalities: list[str] = Field(default_factory=list)
    masked: list[str] = Field(default_factory=list)
    shots: int = 0
    notes: list[str] = Field(default_factory=list)
    lists: list[str] = Field(default_factory=list)
    file: dict[str, Any] = Field(default_factory=dict)
    code: list[KeptCode] = Field(default_factory=list)
    validation: Validation
    counts: list[Tally]
    drops: list[Loss]
    fta: list[Loss]
    missed_frames: list[Loss]
    left_out: list[Unused]
    deviations: list[Deviation]
    warnings: list[str]
    leakage: Leakage | None = None
    stores: dict[str, str]
    forgotten: list[Forgotten] = Field(default_factory=list)
    fingerprint: str
    tool_version: str

    @model_validator(mode="after")
    def _with_rules(self) -> Meta:
        without = sorted({count.part for count in self.counts} - self.frame_rules.keys())
        if without:
            raise ValueError(f"frame_rules: there is no rule for the part {without[0]}")
        return self
