"""Read a laboratory's plan: species with their instrument cards, people, and how often each of them presents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from fasdata.errors import UserError, unknown_name
from fasdata.foreign import read_declared
from fasdata.records import BONAFIDE

TO_FILL = "TO FILL IN"  # what a draft leaves to the laboratory; a plan that still has it is refused
# The columns of a log beside the plan's conditions: what a row has to say, what came back, what may stand beside it.
REQUIRED = ("try", "species", "person")
ANSWER = ("response", "score")
OPTIONAL = ("instrument", "time", "operator", "note")
NO_RESPONSE = {
    "count": "counted: a presentation without a response is rejected, an error where it is bona fide",
    "exclude": "left out of the rates and to be repeated; its share is stated beside them",
}

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$")]
Words = Annotated[str, Field(min_length=1, max_length=2000)]
Times = Annotated[int, Field(ge=1, le=10_000)]


class _Species(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Name
    source: Words
    production: Words
    presentation: Words
    each_person: Times
    people: list[Name] = []
    instruments: list[Name] = []


class _BonaFide(BaseModel):
    model_config = ConfigDict(extra="forbid")
    each_person: Times
    people: list[Name] = []
    presentation: str = ""


class _Threshold(BaseModel):
    model_config = ConfigDict(extra="forbid")
    value: Annotated[float, Field(allow_inf_nan=False)]
    source: Words


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    title: Words
    product: Words
    laboratory: str = ""
    level: str = ""
    people: Annotated[list[Name], Field(min_length=1)]
    bona_fide: _BonaFide
    species: Annotated[list[_Species], Field(min_length=1)]
    threshold: _Threshold | None = None
    no_response: Literal["count", "exclude"]
    conditions: list[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]] = []


@dataclass(frozen=True)
class Card:
    """A species of attacks: where the face is from, how the instrument was made and is shown, the specimens' names."""

    name: str
    source: str
    production: str
    presentation: str
    instruments: tuple[str, ...] = ()


@dataclass(frozen=True)
class LabPlan:
    """What a laboratory set out to do; `tries` has the presentations of each (species, person), bona fide among them.

    `threshold` is None where the log records decisions; else the log has scores, and a score at it or above is
    accepted. `no_response` is a name of `NO_RESPONSE`. `conditions` are further columns of the log, to group errors by.
    """

    title: str
    product: str
    laboratory: str
    level: str
    people: tuple[str, ...]
    cards: tuple[Card, ...]
    tries: Mapping[tuple[str, str], int]
    threshold: float | None
    threshold_source: str
    no_response: str
    conditions: tuple[str, ...]

    @property
    def species(self) -> tuple[str, ...]:
        """Return the names of the attack species, in the plan's order."""
        return tuple(card.name for card in self.cards)

    def planned(self, species: str) -> int:
        """Return how many presentations of a species are planned, all people together."""
        return sum(times for (name, _), times in self.tries.items() if name == species)

    def people_of(self, species: str) -> tuple[str, ...]:
        """Return who presents a species: of an attack, whose likeness the instrument has."""
        return tuple(person for name, person in self.tries if name == species)

    def decided_by(self) -> str:
        """Return in words where a decision is from."""
        if self.threshold is None:
            return "recorded in the log"
        return f"a score of {self.threshold:g} or above is accepted ({self.threshold_source})"


def read_plan(path: Path) -> LabPlan:
    """Read a plan.

    Raises:
        UserError: the file is no plan, a name stands in it twice or is unknown, or a draft was not filled in.
    """
    file = read_declared(path, _File)
    _require_once(path, "person", file.people)
    _require_once(path, "species", [species.name for species in file.species])
    _require_once(path, "condition or column of a log", [*file.conditions, *REQUIRED, *ANSWER, *OPTIONAL])
    _require_filled(path, file)
    tries = dict.fromkeys(((BONAFIDE, person) for person in _people(path, file, file.bona_fide, "bona_fide")),
                          file.bona_fide.each_person)  # fmt: skip
    for species in file.species:
        if species.name.lower() == BONAFIDE:
            raise UserError(f"{path}: a species of attacks is called {species.name}", do="give it another name")
        tries |= {(species.name, person): species.each_person for person in _people(path, file, species, species.name)}
    return LabPlan(
        title=file.title, product=file.product, laboratory=file.laboratory, level=file.level,
        people=tuple(file.people),
        cards=tuple(Card(s.name, s.source, s.production, s.presentation, tuple(s.instruments)) for s in file.species),
        tries=tries,
        threshold=file.threshold.value if file.threshold else None,
        threshold_source=file.threshold.source if file.threshold else "",
        no_response=file.no_response, conditions=tuple(file.conditions),
    )  # fmt: skip


def _people(path: Path, file: _File, of: _Species | _BonaFide, where: str) -> Sequence[str]:
    """Return who presents a species; all people where the plan names none."""
    _require_once(path, f"person of {where}", of.people)
    for person in of.people:
        if person not in file.people:
            raise UserError(f"{path}: {where}: {unknown_name('person', person, file.people)}")
    return of.people or file.people


def _require_once(path: Path, what: str, names: Iterable[str]) -> None:
    twice = [name for name, times in Counter(name.lower() for name in names).items() if times > 1]
    if twice:
        raise UserError(f"{path}: the {what} {twice[0]} is there twice", expected="each name once, in any case")


def _require_filled(path: Path, file: _File) -> None:
    texts = {"title": file.title, "product": file.product, "threshold.source": file.threshold and file.threshold.source}
    for species in file.species:
        card = {key: getattr(species, key) for key in ("source", "production", "presentation")}
        texts |= {f"{key} of the species {species.name}": words for key, words in card.items()}
    left = [what for what, words in texts.items() if words and TO_FILL in words]
    if left:
        raise UserError(
            f"{path} is not filled in", expected="what the product is, and a card for every species",
            found=f"{TO_FILL} as {', '.join(left[:4])}" + (f" and {len(left) - 4} more" if len(left) > 4 else ""),
        )  # fmt: skip
