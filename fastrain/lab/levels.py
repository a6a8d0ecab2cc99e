"""Read the levels that a product is judged by: the presentations they ask for, and the largest error rates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from fasdata.errors import UserError, unknown_name
from fasdata.foreign import read_declared
from fasdata.page.spelling import text_table
from fasdata.resources import manifests_dir

OBSERVED, INTERVAL = "observed", "interval"
_QUOTED = {
    "the scheme": "as the scheme states it",
    "third party": "quoted by a third party, not by the scheme",
    "ourselves": "set by whoever wrote the file",
}

Count = Annotated[int, Field(ge=1, le=1_000_000)]
Percent = Annotated[float, Field(ge=0, le=100)]


class _Level(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,40}$")]
    species: Count
    attacks: Count
    bona_fide: Count
    apcer: Percent
    bpcer: Percent
    judged_by: Literal["observed", "interval"] = "observed"


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    source: Annotated[str, Field(min_length=1)]
    quoted_by: Literal["the scheme", "third party", "ourselves"]
    levels: Annotated[list[_Level], Field(min_length=1)]


@dataclass(frozen=True)
class Level:
    """What a product has to show: presentations, and the largest rates, which are shares from 0 to 1.

    `attacks` is asked for of each of `species` species; `apcer` is the limit of the worst of them. `judged_by` says
    whether the rate that was observed keeps a limit (`observed`), or the upper end of its interval does (`interval`).
    `source` is where the numbers were read, `standing` who says them.
    """

    name: str
    species: int
    attacks: int
    bona_fide: int
    apcer: float
    bpcer: float
    judged_by: str
    source: str
    standing: str

    def words(self) -> str:
        """Return what is asked for, in one line.

        >>> Level("L1", 6, 150, 50, 0.0, 0.15, "observed", "a page", "quoted").words()
        'L1: 6 species x 150 attacks, 50 bona fide; APCER of each species at most 0 %, BPCER at most 15 % (observed)'
        """
        return (
            f"{self.name}: {self.species} species x {self.attacks} attacks, {self.bona_fide} bona fide; APCER of each "
            f"species at most {100 * self.apcer:g} %, BPCER at most {100 * self.bpcer:g} % ({self.judged_by})"
        )

    def origin(self) -> str:
        """Return whose numbers these are: they stand beside every judgement."""
        return f"{self.standing}: {self.source}"


def read_levels(path: Path | None = None) -> dict[str, Level]:
    """Return the levels of a file by name; without one, those of `manifests/levels/`.

    Raises:
        UserError: a file has another form, or two levels have one name.
    """
    paths = [path] if path else sorted((manifests_dir() / "levels").glob("*.yaml"))
    levels: dict[str, Level] = {}
    for file in paths:
        declared = read_declared(file, _File)
        for row in declared.levels:
            if row.name in levels:
                raise UserError(f"{file}: the level {row.name} is there twice", do="name one of them otherwise")
            shares = {"apcer": row.apcer / 100, "bpcer": row.bpcer / 100}
            levels[row.name] = Level(
                **row.model_dump() | shares, source=declared.source, standing=_QUOTED[declared.quoted_by]
            )
    return levels


def level_named(name: str, levels: Mapping[str, Level]) -> Level:
    """Return a level by its name, in any case.

    Raises:
        UserError: there is none of that name.
    """
    by_lower = {known.lower(): level for known, level in levels.items()}
    if name.lower() not in by_lower:
        raise unknown_name("level", name, levels)
    return by_lower[name.lower()]


def levels_text(levels: Mapping[str, Level]) -> str:
    """Return the levels as a table for a terminal, with whose numbers they are."""
    head = ("level", "species", "attacks of each", "bona fide", "APCER at most", "BPCER at most", "judged by")
    rows = [
        (level.name, level.species, level.attacks, level.bona_fide, f"{100 * level.apcer:g} %",
         f"{100 * level.bpcer:g} %", level.judged_by)
        for level in levels.values()
    ]  # fmt: skip
    origins: dict[str, list[str]] = {}
    for level in levels.values():
        origins.setdefault(level.origin(), []).append(level.name)
    notes = [f"{', '.join(names)}: {origin}" for origin, names in origins.items()]
    return "\n".join([*text_table(head, rows), *notes])
