"""Words and letters of protocol names, as `manifests/protocols/` declares them."""

from __future__ import annotations

from functools import cache
from typing import Literal

from pydantic import Field

from fasdata.datasets.rule import Form
from fasdata.errors import nearest
from fasdata.foreign import read_declared
from fasdata.resources import manifests_dir


class Letter(Form):
    """A dataset's letter inside one pool; `spellings` are other letters (one character) and names in use."""

    letter: str = Field(pattern="^[A-Z]$")
    dataset: str
    name: str
    spellings: list[str]


class TargetAlone(Form):
    """How to read a name that gives the target alone: the benchmark's datasets, and whether a bare letter will do."""

    benchmark: str
    by: Literal["name", "letter-or-name"]


class Pool(Form):
    """A family of datasets whose letters are used together, in the order of canonical names."""

    title: str
    letters: list[Letter]
    left_out: TargetAlone
    limited: list[str]

    @property
    def order(self) -> str:
        """All letters in canonical order."""
        return "".join(entry.letter for entry in self.letters)

    def entry(self, letter: str) -> Letter:
        """Return the entry of a canonical letter."""
        return next(entry for entry in self.letters if entry.letter == letter)

    def sort(self, letters: str) -> str:
        """Return the letters in canonical order."""
        return "".join(sorted(letters, key=self.order.index))


class CrossVocabulary(Form):
    """The words that names across datasets are made of."""

    pools: dict[str, Pool]
    without_letter: list[str]
    variants: list[str]


class IntraDataset(Form):
    """The protocols inside one dataset: name to folds (empty: none), and `also`, other names of the same."""

    dataset: str
    spellings: list[str] = Field(default_factory=list)
    protocols: dict[str, list[str]]
    also: dict[str, str] = Field(default_factory=dict)

    def names(self) -> list[str]:
        """Return all protocols with their folds, as canonical names write them after the colon."""
        return [
            name + suffix
            for name, folds in self.protocols.items()
            for suffix in ([f".{fold}" for fold in folds] or [""])
        ]


class IntraVocabulary(Form):
    """The datasets with protocols of their own, by the prefix that names use."""

    datasets: dict[str, IntraDataset]


class Group(Form):
    """A titled list of canonical names."""

    title: str
    names: list[str]


class Shipped(Form):
    """The protocols that papers report."""

    groups: list[Group]


@cache
def cross() -> CrossVocabulary:
    """Return the pools and their letters."""
    return read_declared(manifests_dir() / "protocols" / "pools.yaml", CrossVocabulary)


@cache
def intra() -> IntraVocabulary:
    """Return the protocols inside single datasets."""
    return read_declared(manifests_dir() / "protocols" / "intra.yaml", IntraVocabulary)


@cache
def shipped() -> Shipped:
    """Return the list of usual protocols."""
    return read_declared(manifests_dir() / "protocols" / "shipped.yaml", Shipped)


def advice(name: str) -> str:
    """Return a hint at the usual protocol nearest to a name that cannot be read, or ""."""
    canonical = [usual for group in shipped().groups for usual in group.names]
    spelled = {
        short: usual for usual in canonical for short in (usual.split(":")[1], usual.split(":")[1].replace("2", "-"))
    }
    close = nearest(name, spelled)
    return f"did you mean {spelled[close]}?" if close else ""
