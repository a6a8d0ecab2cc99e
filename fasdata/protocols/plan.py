"""The plan of a build: datasets in their roles (`Domain`), and what each part takes of them (`Take`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fasdata.manifests.table import PartName
from fasdata.protocols.protocol_name import ProtocolName
from fasdata.protocols.recipe import PoolRecipe, Recipe
from fasdata.protocols.recipe_parts import Condition, ListNeed, Unsplit
from fasdata.records import SPLITS

TARGET_ID = -1
Role = Literal["sources", "validation", "target"]


@dataclass(frozen=True)
class Take:
    """What one part of the manifest takes of one dataset.

    `splits` are official splits (all three: any clip, even of unknown split), read from `split_field` where a release
    has several divisions. `where` are conditions that every clip meets. `frames`, `on_miss` and `within` (frames from
    the beginning of the recording) say what is used of a clip; `draw` says whether the authors use all of it;
    `unsplit` what becomes of clips of unknown split.
    `expected` counts the full dataset's clips, before drops: (layout or "" for any, label, clips); by `unit` these are
    frames.
    """

    part: PartName
    role: Role
    splits: tuple[str, ...]
    frames: str
    on_miss: tuple[str, ...] = ()
    where: tuple[Condition, ...] = ()
    split_field: str = ""
    within: int | None = None
    draw: str = "all"
    unsplit: Unsplit = "refuse"
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
        """Return what a part takes of the dataset; None if nothing."""
        return next((take for take in self.takes if take.part == part), None)


@dataclass(frozen=True)
class Plan:
    """A protocol in a recipe: sources in the order of their ids, targets, and the recipe's rules for them.

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
        """The datasets needed, each once, sources first."""
        return tuple(dict.fromkeys(domain.dataset for domain in self.domains))

    def of_dataset(self, dataset: str) -> tuple[Domain, ...]:
        """Return the dataset in each of its roles."""
        return tuple(domain for domain in self.domains if domain.dataset == dataset)

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities that the recipe uses."""
        return tuple(self.rules.modalities)

    def lists(self) -> dict[str, ListNeed]:
        """Return the list files that the recipe requires, by description."""
        needs = [take.lists for domain in self.domains for take in domain.takes if take.lists]
        return {need.what: need for need in needs if not need.optional}
