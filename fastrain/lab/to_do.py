"""Say where a log stands: what was presented of what is planned, and who is still to present what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from fasdata.page.spelling import text_table
from fasdata.records import BONAFIDE
from fastrain.lab.plan_file import LabPlan
from fastrain.lab.presentation_log import NO_RESPONSE, PresentationLog, uses_up

_MOST_PEOPLE = 8  # named in a line


def left_to_do(plan: LabPlan, log: PresentationLog) -> dict[tuple[str, str], int]:
    """Return how many presentations each (species, person) still has to give; those who are done are not in it."""
    done = Counter((entry.species, entry.person) for entry in log.tries if uses_up(entry, plan))
    return {cell: times - done[cell] for cell, times in plan.tries.items() if times > done[cell]}


def log_text(plan: LabPlan, log: PresentationLog) -> str:
    """Return where a log stands, for a terminal."""
    left = left_to_do(plan, log)
    rows = []
    for name in (BONAFIDE, *plan.species):
        tries = [entry for entry in log.tries if entry.species == name]
        to_do = sum(times for (species, _), times in left.items() if species == name)
        lost = sum(entry.response == NO_RESPONSE for entry in tries)
        rows.append([name, plan.planned(name), len(tries), lost, to_do])
    lines = [
        f"plan         {plan.title}",
        *text_table(("species", "planned", "presented", "no response", "to do"), rows),
        *(f"to do        {words}" for words in _who(left)),
    ]
    number = sum(left.values())
    end = "the log is complete" if not left else f"{number:,} of {sum(plan.tries.values()):,} presentations to do"
    return "\n".join([*lines, f"so far       {len(log.tries):,} tries keep the plan; {end}"])


def _who(left: Mapping[tuple[str, str], int]) -> Iterator[str]:
    by_species: dict[str, list[str]] = {}
    for (species, person), times in left.items():
        by_species.setdefault(species, []).append(f"{person} {times}")
    for species, people in by_species.items():
        more = f" and {len(people) - _MOST_PEOPLE} more people" if len(people) > _MOST_PEOPLE else ""
        yield f"{species}: {', '.join(people[:_MOST_PEOPLE])}{more}"
