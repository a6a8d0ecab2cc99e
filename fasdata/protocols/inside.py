"""Rules of protocols inside one dataset, as `manifests/protocols/inside/` declares them."""

from __future__ import annotations

from functools import cache
from typing import Literal

from pydantic import Field

from fasdata.datasets.card import Count
from fasdata.datasets.rule import Form
from fasdata.errors import UserError
from fasdata.foreign import read_declared
from fasdata.protocols.everywhere import OFFICIAL, generic_title
from fasdata.protocols.protocol_name import ProtocolName
from fasdata.protocols.recipe_parts import Condition, Unsplit
from fasdata.protocols.vocabulary import intra
from fasdata.resources import manifests_dir

Split = Literal["train", "dev", "test"]
ANY_FOLD = "*"


class InsidePart(Form):
    """What one part takes: clips whose official split is among `splits` and that meet every condition of `keep`.

    `split_field` names the field in which a release with several divisions keeps the split of this one; without it
    the clip's own split counts. `within` restricts frames to the first so many of the recording. `unsplit`: a clip
    whose split nobody states is refused, or left out where a protocol is about some of the clips.
    """

    splits: list[Split] = Field(min_length=1)
    keep: list[Condition] = Field(default_factory=list)
    split_field: str = ""
    within: int | None = Field(default=None, ge=1)
    unsplit: Unsplit = "refuse"


class InsideRule(Form):
    """One protocol inside a dataset. Without `dev` validation is a share of the subjects of training.

    `values` says what `{fold}` stands for in conditions, by fold ("" for a protocol without folds); a fold that is
    not listed stands for itself. `expected` counts clips, or frames where `unit` says so, by fold (`*`: every fold)
    and split. `note` is what a reader should know.
    """

    title: str
    train: InsidePart
    dev: InsidePart | None = None
    test: InsidePart
    values: dict[str, str] = Field(default_factory=dict)
    expected: dict[str, dict[Split, Count]] = Field(default_factory=dict)
    unit: Literal["clip", "frame"] = "clip"
    report: str = ""
    note: str = ""

    def count(self, fold: str, split: Split) -> Count | None:
        """Return how many clips the full dataset has in one split of a fold, where it is known."""
        return self.expected.get(fold, self.expected.get(ANY_FOLD, {})).get(split)


class InsideRules(Form):
    """The protocols of one dataset."""

    protocols: dict[str, InsideRule]


@cache
def inside_rules(dataset: str) -> InsideRules:
    """Return the rules of the dataset whose protocol names begin with `dataset`.

    Raises:
        UserError: the file is malformed, or does not hold exactly the protocols that names may use.
    """
    path = manifests_dir() / "protocols" / "inside" / f"{dataset}.yaml"
    rules = read_declared(path, InsideRules)
    named = intra().datasets[dataset].protocols
    if set(rules.protocols) != set(named):
        raise UserError(
            f"{path} and intra.yaml disagree", expected=", ".join(named), found=", ".join(sorted(rules.protocols))
        )
    return rules


def inside_rule(name: ProtocolName) -> InsideRule:
    """Return the rule of a protocol inside one dataset: its owners' own, or one that every dataset has."""
    entry = intra().datasets.get(name.dataset)
    if entry and name.protocol in entry.protocols:
        return inside_rules(name.dataset).protocols[name.protocol]
    if name.protocol == OFFICIAL:
        return InsideRule(
            title=generic_title(name.protocol),
            train=InsidePart(splits=["train"]),
            dev=InsidePart(splits=["dev"]),
            test=InsidePart(splits=["test"]),
        )
    every = InsidePart(splits=["train", "dev", "test"])  # which of the clips, `everywhere.sides_of` says
    return InsideRule(title=generic_title(name.protocol), train=every, dev=every, test=every)


def goes_by_sides(name: ProtocolName) -> bool:
    """Tell whether the clips of a protocol are chosen by people or species, and not by split and conditions alone."""
    entry = intra().datasets.get(name.dataset)
    return name.intra and not (entry and name.protocol in entry.protocols) and name.protocol != OFFICIAL
