"""A protocol name and a recipe, put together: which dataset plays which role, and what it gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from fasdata.datasets.card import Count
from fasdata.errors import UserError
from fasdata.protocols.grammar import ProtocolName
from fasdata.protocols.recipe import PoolRecipe, Recipe
from fasdata.protocols.recipe_parts import Condition, ListNeed
from fasdata.records import LABELS, SPLITS

TARGET_ID = -1
Role = Literal["sources", "validation", "target"]


@dataclass(frozen=True)
class Take:
    """What one part of the manifest takes of one dataset.

    `splits` are official splits (all three: any clip, even of unknown split), read from `split_field` where a release
    has several divisions. `where` are conditions that every clip meets. `frames`, `on_miss` and `within` (frames from
    the beginning of the recording) say what is used of a clip; `draw` says whether the authors use all of it.
    `expected` counts the full dataset's clips, before drops: (layout or "" for any, label, clips); by `unit` these are
    frames.
    """

    part: Literal["train", "val", "test"]
    role: Role
    splits: tuple[str, ...]
    frames: str
    on_miss: tuple[str, ...] = ()
    where: tuple[Condition, ...] = ()
    split_field: str = ""
    within: int | None = None
    draw: str = "all"
    lists: ListNeed | None = None
    expected: tuple[tuple[str, str, int], ...] = ()
    unit: str = "clip"

    @property
    def every_split(self) -> bool:
        """Whether the official split does not matter."""
        return set(self.splits) == set(SPLITS)

    def wanted(self, layout: str = "") -> dict[str, int]:
        """Return the expected clips by label in a layout of the release; empty where unknown."""
        own = {label: count for of, label, count in self.expected if of == layout}
        return own or {label: count for of, label, count in self.expected if not of}


@dataclass(frozen=True)
class Domain:
    """A dataset in its role: `domain_id` counts the sources in the recipe's order, the target has -1.

    `repeats` is how often the recipe lists the source; `shots` marks the few clips of the target that train.
    """

    domain_id: int
    letter: str
    dataset: str
    name: str
    takes: tuple[Take, ...] = ()
    repeats: int = 1
    shots: bool = False

    @property
    def label(self) -> str:
        """The value of the manifest's column `domain`."""
        return f"{self.dataset}-shots" if self.shots else self.dataset

    def take(self, part: str) -> Take | None:
        """Return what a part takes of it."""
        return next((take for take in self.takes if take.part == part), None)


@dataclass(frozen=True)
class Plan:
    """What is to be built: sources in the order of their ids, targets, and the recipe's rules for them.

    `masked` are modalities that test samples must not show; `shots` clips a label of the target train.
    """

    name: ProtocolName
    recipe: Recipe
    rules: PoolRecipe
    sources: tuple[Domain, ...]
    targets: tuple[Domain, ...]
    masked: tuple[str, ...] = ()
    shots: int = 0
    report: str = ""
    note: str = ""

    @property
    def domains(self) -> tuple[Domain, ...]:
        """Sources, then targets."""
        return (*self.sources, *self.targets)

    @property
    def datasets(self) -> tuple[str, ...]:
        """The datasets it needs, each once, sources first."""
        return tuple(dict.fromkeys(domain.dataset for domain in self.domains))

    def of_dataset(self, dataset: str) -> tuple[Domain, ...]:
        """Return the roles that a dataset plays."""
        return tuple(domain for domain in self.domains if domain.dataset == dataset)

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities that the recipe uses."""
        return tuple(self.rules.modalities)

    def lists(self) -> dict[str, ListNeed]:
        """Return the list files that cannot be done without, by what they are called."""
        needs = [take.lists for domain in self.domains for take in domain.takes if take.lists]
        return {need.what: need for need in needs if not need.optional}


def require_modality(name: ProtocolName, recipe: Recipe, rules: PoolRecipe, masked: tuple[str, ...]) -> None:
    """Stop where a variant takes away what the recipe does not use anyway."""
    lacking = [modality for modality in masked if modality not in rules.modalities]
    if lacking:
        raise UserError(
            f"{name.canonical} takes away {' and '.join(lacking)}, which the recipe {recipe.name} does not use",
            expected=f"a variant about {', '.join(rules.modalities)}",
            do="choose a recipe with several modalities, or leave the variant out",
        )


def counts(expected: Mapping[str, Count]) -> tuple[tuple[str, str, int], ...]:
    """Return counts by layout ("" for any) as `Take.expected` holds them."""
    return tuple((layout, label, getattr(count, label)) for layout, count in expected.items() for label in LABELS)
