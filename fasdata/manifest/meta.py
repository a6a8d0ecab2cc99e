"""The description of a manifest: names, recipe, validation, counts, drops, stores."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from fasdata.datasets.card import SLUG
from fasdata.datasets.rule import Form
from fasdata.manifest.table import PartName

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


class HeldOut(Form):
    """How one source got its validation clips: the official dev split, a share of its subjects, or not at all."""

    dataset: str = Slug
    rule: Literal["official dev", "subjects", "none"]
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
    """The recipe that a manifest was built by; its name becomes a folder's."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    title: str = ""
    pools: dict[str, KeptPool] = Field(default_factory=dict)


class Meta(Form):
    """The form of `Manifest.meta`; `manifest.json` holds the same.

    `stores` maps each dataset's slug, which is its store's folder in the library, to the content hash it had.
    `masked` are modalities taken away at test, `notes` what the recipe replaces, `lists` what list files decided.
    `drops` are clips left out, `fta` target clips kept without a usable frame, `missed_frames` single frames.
    `forgotten` are people taken out later: `counts` and `fta` are without them, other losses as the build had them.
    """

    format: Literal[1]
    canonical: str = Field(pattern=r"^[a-z0-9-]+:[A-Za-z0-9@._-]+$")  # becomes a folder name
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
