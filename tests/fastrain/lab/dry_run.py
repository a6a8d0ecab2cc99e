"""A laboratory with invented instruments: a plan for a small level, and logs of presentations to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

LEVELS = """\
source: invented for a test
quoted_by: ourselves
levels:
  - {name: small, species: 2, attacks: 40, bona_fide: 40, apcer: 5, bpcer: 15}
  - {name: strict, species: 2, attacks: 40, bona_fide: 40, apcer: 5, bpcer: 15, judged_by: interval}
"""
PEOPLE = tuple(f"p{number:02d}" for number in range(1, 21))
PLAN = """\
title: a dry run
product: door 3, firmware 1.2
level: small
people: [{people}]
no_response: {no_response}
{more}
bona_fide: {{each_person: 2}}
species:
  - {{name: tinfoil-mask, source: a snapshot, production: folded by hand, presentation: worn, each_person: 2,
     instruments: [foil-a, foil-b]}}
  - {{name: painted_plate, source: memory, production: oil on a plate, presentation: held up, each_person: 2}}
"""
SPECIES = ("bonafide", "tinfoil-mask", "painted_plate")


def write_plan(folder: Path, *, no_response: str = "count", more: str = "") -> Path:
    """Write plan and levels of the dry run; return the plan."""
    (folder / "levels.yaml").write_text(LEVELS)
    path = folder / "plan.yaml"
    path.write_text(PLAN.format(people=", ".join(PEOPLE), no_response=no_response, more=more))
    return path


def tries() -> Iterator[tuple[str, str, str]]:
    """Yield the right answer to every presentation of the plan: species, person, response."""
    for person in PEOPLE:
        for species in SPECIES:
            for _ in range(2):
                yield species, person, "accepted" if species == "bonafide" else "rejected"


def write_log(path: Path, *rows: str, header: str = "try,species,person,response") -> Path:
    """Write a log of these rows."""
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def complete_log(path: Path, *, wrong: dict[int, str] | None = None) -> Path:
    """Write the log of the whole plan; `wrong` are other responses than the right one, by number of the try from 0."""
    responses = wrong or {}
    rows = (f"{n},{species},{person},{responses.get(n, right)}" for n, (species, person, right) in enumerate(tries()))
    return write_log(path, *rows)
