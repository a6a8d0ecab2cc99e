"""Draft a laboratory's plan from a level and from what `plan-test` says of claims; say what a plan can show at best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fasdata.errors import UserError
from fasdata.page.spelling import text_table
from fasdata.records import BONAFIDE
from fastrain.evaluation.planning import CONFIDENCE, ClaimPlan, bound, people_needed
from fastrain.lab.levels import Level
from fastrain.lab.plan_file import NO_RESPONSE, TO_FILL, LabPlan


@dataclass(frozen=True)
class Draft:
    """What a plan is drafted for: a level, perhaps claims (limits of APCER and BPCER), and how many people.

    Without `people` there are as many as the claims take (`plan-test`).

    Raises:
        UserError: neither people nor a claim is given, or a claim is none.
    """

    level: Level
    apcer: float | None = None
    bpcer: float | None = None
    confidence: float = CONFIDENCE
    people: int | None = None

    def __post_init__(self) -> None:
        if self.apcer is None and self.bpcer is None and self.people is None:
            raise UserError(
                "how many people take part is not known", expected="--people N, or a claim: --apcer 0.05, --bpcer 0.05"
            )
        ClaimPlan(self.apcer, self.bpcer, self.confidence, people=self.people)

    def text(self) -> str:
        """Return the plan as YAML, with the cards of its species to be filled in."""
        claims = [limit for limit in (self.apcer, self.bpcer) if limit is not None]
        number = self.people or max(people_needed(limit, 0, self.confidence) for limit in claims)
        digits = max(2, len(str(number)))
        people = ", ".join(f"p{person:0{digits}d}" for person in range(1, number + 1))
        each, kinds = math.ceil(self.level.attacks / number), range(1, self.level.species + 1)
        species = "\n".join(_SPECIES.format(number=place, each=each, fill=TO_FILL) for place in kinds)
        return _PLAN.format(
            fill=TO_FILL, level=self.level.name, words=self.level.words(), origin=self.level.origin(), people=people,
            bona_fide=math.ceil(self.level.bona_fide / number), species=species, shows=_shows(number, self.confidence),
        )  # fmt: skip


_PLAN = """\
# The plan of an evaluation. `fastrain lab plan FILE` checks it; `fastrain lab log` keeps the log to it.
# {words}
#   ({origin})
# {shows}
title: {fill}
product: {fill}          # name, version, where its decision is taken
laboratory: ""
level: {level}
people: [{people}]   # pseudonyms; write "01" in quotes
no_response: count    # or exclude: left out of the rates and repeated
# Without a threshold the log records decisions. With one it has scores, and a score at it or above is accepted:
# threshold: {{value: 0.5, source: set by the manufacturer before the test}}
# Further columns of the log, to group errors by:
# conditions: [light, device]
bona_fide: {{each_person: {bona_fide}, presentation: ""}}
# The card of a species. source: where the face is from (photograph, video, scan; resolution, light); production: how
# the instrument was made (printer, paper, screen, material); presentation: how it is shown (distance, by hand).
# Beside them, where needed: people: [p01, p02] whose likeness was made; instruments: [a, b], names of the specimens.
species:
{species}
"""
_SPECIES = """\
  - name: species-{number}
    source: {fill}
    production: {fill}
    presentation: {fill}
    each_person: {each}"""


def _shows(people: int, confidence: float = CONFIDENCE) -> str:
    return (
        f"With {people} people, none of whom errs, a rate of at most {bound(0, people, confidence):.1%} is shown, "
        f"confidence {confidence:.0%}."
    )


# -- What a plan asks for ----------------------------------------------------------------------------------------------


def plan_text(plan: LabPlan, level: Level | None, confidence: float = CONFIDENCE) -> str:
    """Return a plan for a terminal: its presentations, what a level would want beyond them, what they show at best."""
    names = (BONAFIDE, *plan.species)
    rows = [
        [name, len(people := plan.people_of(name)), plan.tries[name, people[0]], plan.planned(name)] for name in names
    ]
    lines = [
        f"plan         {plan.title}",
        f"product      {plan.product}",
        f"decision     {plan.decided_by()}",
        f"no response  {NO_RESPONSE[plan.no_response]}",
        *text_table(("species", "people", "each", "presentations"), rows),
        f"in all       {sum(plan.tries.values()):,} presentations of {len(plan.people)} people",
    ]
    lines += [f"shows        {line}" for line in _at_best(plan, names, confidence)]
    if level is not None:
        lacking = short_of(plan, level)
        lines += [f"level        {level.words()}", f"             {level.origin()}"]
        lines += [f"short        {words}" for words in lacking or ["of nothing: it has the presentations for it"]]
    return "\n".join(lines)


def _at_best(plan: LabPlan, names: Sequence[str], confidence: float) -> list[str]:
    """Return what is shown where nobody errs, once for each number of people."""
    by_people: dict[int, list[str]] = {}
    for name in names:
        by_people.setdefault(len(plan.people_of(name)), []).append(name)
    return [f"{', '.join(of)}: {_shows(people, confidence)}" for people, of in by_people.items()]


def short_of(plan: LabPlan, level: Level) -> list[str]:
    """Return a sentence for everything that a level asks for and the plan does not have; empty where it has all."""
    enough = [name for name in plan.species if plan.planned(name) >= level.attacks]
    lacking = []
    if len(enough) < level.species:
        lacking.append(
            f"{level.species} species of {level.attacks} attacks each are asked for, {len(enough)} of the plan's "
            f"{len(plan.species)} have as many"
        )
    if plan.planned(BONAFIDE) < level.bona_fide:
        lacking.append(f"{level.bona_fide} bona fide presentations are asked for, {plan.planned(BONAFIDE)} are planned")
    return lacking
