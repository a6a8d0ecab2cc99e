"""Read the log of presentations, one row a try, and hold each row against the plan; refuse by line what breaks it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from fasdata.errors import UserError, nearest, unknown_name
from fasdata.foreign import read_sheet
from fasdata.records import BONAFIDE
from fastrain.lab.plan_file import ANSWER, OPTIONAL, REQUIRED, LabPlan

ACCEPTED, REJECTED, NO_RESPONSE = "accepted", "rejected", "no-response"
RESPONSES = (ACCEPTED, REJECTED, NO_RESPONSE)
_BEYOND = "beyond the columns"


@dataclass(frozen=True)
class Try:
    """One presentation: its line in the log, what was presented, and what the product answered.

    `score` is None without a response, and where the log records decisions; `time` is "" where it is not stated.
    """

    line: int
    name: str
    species: str
    person: str
    response: str
    score: float | None = None
    time: str = ""
    conditions: Mapping[str, str] = field(default_factory=dict)

    @property
    def bona_fide(self) -> bool:
        """Tell whether a real person was presented."""
        return self.species == BONAFIDE


@dataclass(frozen=True)
class PresentationLog:
    """The tries that keep the plan, in the order of their lines, and an error for every line that does not."""

    tries: tuple[Try, ...]
    breaches: tuple[UserError, ...]

    def days(self) -> str:
        """Return the first and the last day that the log names, "" where it names none."""
        days = sorted({datetime.fromisoformat(entry.time).date().isoformat() for entry in self.tries if entry.time})
        return " to ".join(dict.fromkeys(days[:1] + days[-1:]))


def columns_of(plan: LabPlan) -> tuple[str, ...]:
    """Return the columns that a log of this plan has, in order; the last ones (`OPTIONAL`) may be absent."""
    answer = ANSWER[:1] if plan.threshold is None else ANSWER
    return (*REQUIRED, *answer, *plan.conditions, *OPTIONAL)


def read_log(path: Path, plan: LabPlan) -> PresentationLog:
    """Read a log in the making or a finished one, and check every line by itself and against those above it.

    Cells may stand between commas, semicolons or tabs, as spreadsheets write them. A row that is refused uses up
    nothing of the plan.

    Raises:
        UserError: the file is no table, a column of the plan is missing, or there is an unknown one.
    """
    known = columns_of(plan)
    required = [name for name in known if name not in OPTIONAL]
    tries: list[Try] = []
    breaches: list[UserError] = []
    line_of: dict[str, int] = {}
    done: Counter[tuple[str, str]] = Counter()
    for number, cells in read_sheet(path, *required, beyond=_BEYOND):
        if not line_of and not breaches:
            _require_known(path, cells, known)
        try:
            entry = _read(number, cells, plan)
            _require_new(entry, line_of)
            _require_planned(entry, plan, done)
        except UserError as breach:
            breaches.append(UserError(f"line {number}: {breach}"))
            line_of.setdefault(cells["try"], number)
            continue
        line_of[entry.name] = number
        done[entry.species, entry.person] += uses_up(entry, plan)
        tries.append(entry)
    return PresentationLog(tuple(tries), tuple(breaches))


def uses_up(entry: Try, plan: LabPlan) -> bool:
    """Tell whether a try is one of those planned: without a response it is to be repeated where the plan says so."""
    return plan.no_response == "count" or entry.response != NO_RESPONSE


def _require_known(path: Path, cells: Mapping[str, str], known: tuple[str, ...]) -> None:
    for name in cells:
        if name not in (*known, _BEYOND, ""):
            close = nearest(name, known)
            raise UserError(
                f"{path}: unknown column {name!r}", expected=", ".join(known),
                do=f"did you mean {close!r}?" if close else "name it under conditions in the plan, to group errors by",
            )  # fmt: skip


def _read(number: int, cells: Mapping[str, str], plan: LabPlan) -> Try:
    """Return the try of a row, checked by itself."""
    if extra := cells.get(_BEYOND):
        raise UserError(
            "more cells than columns", expected=f"{len(cells) - 1} cells", found=f"{extra!r} beyond them",
            do="put a cell that holds a comma in quotes, and write decimals with a point",
        )  # fmt: skip
    name, species, person = (cells[column] for column in REQUIRED)
    for column in REQUIRED:
        if not cells[column]:
            raise UserError(f"no {column}", expected=f"the cell {column!r} filled in", do="complete the line")
    if species != BONAFIDE and species not in plan.species:
        raise unknown_name("species", species, (BONAFIDE, *plan.species))
    if person not in plan.people:
        raise unknown_name("person", person, plan.people)
    _require_instrument(species, cells.get("instrument", ""), plan)
    _require_time(cells.get("time", ""))
    for condition in plan.conditions:
        if not cells[condition]:
            raise UserError(f"no {condition}", expected="a value for every condition of the plan", do="complete it")
    response, score = _answer(cells, plan)
    conditions = {condition: cells[condition] for condition in plan.conditions}
    return Try(number, name, species, person, response, score, cells.get("time", ""), conditions)


def _answer(cells: Mapping[str, str], plan: LabPlan) -> tuple[str, float | None]:
    """Return response and score; with a threshold the response follows from the score, and must not contradict it."""
    text = cells["response"].lower().replace("_", "-").replace(" ", "-")
    if text and text not in RESPONSES:
        raise unknown_name("response", cells["response"], RESPONSES)
    if plan.threshold is None:
        if not text:
            raise UserError("no response", expected=", ".join(RESPONSES), do=f"{NO_RESPONSE} where nothing came back")
        return text, None
    given = cells["score"]
    if text == NO_RESPONSE:
        if given:
            raise UserError(f"{NO_RESPONSE} with the score {given}", expected="no score", do="correct one of the two")
        return text, None
    score = _number(given)
    response = ACCEPTED if score >= plan.threshold else REJECTED
    if text not in ("", response):
        raise UserError(
            f"{text} contradicts the score {given}", expected=f"{response} at the plan's threshold {plan.threshold:g}",
            do="correct one of the two, or leave the response empty",
        )  # fmt: skip
    return response, score


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UserError(
            "no score", expected=f"a finite number, or the response {NO_RESPONSE}", found=text or "an empty cell",
            do="write decimals with a point" if "," in text else "",
        )  # fmt: skip
    return value


def _require_instrument(species: str, instrument: str, plan: LabPlan) -> None:
    if not instrument:
        return
    if species == BONAFIDE:
        raise UserError(f"an instrument, {instrument!r}, of a bona fide presentation", expected="an empty cell")
    card = next(card for card in plan.cards if card.name == species)
    if card.instruments and instrument not in card.instruments:
        raise unknown_name(f"instrument of {species}", instrument, card.instruments)


def _require_time(text: str) -> None:
    if not text:
        return
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise UserError(
            "a time that cannot be read", expected="as 2026-11-29 or 2026-11-29T14:05", found=text
        ) from None


def _require_new(entry: Try, line_of: Mapping[str, int]) -> None:
    if entry.name in line_of:
        raise UserError(
            f"the try {entry.name} is there already", expected="each try once",
            found=f"it in line {line_of[entry.name]} too", do="remove one of them, or number them apart",
        )  # fmt: skip


def _require_planned(entry: Try, plan: LabPlan, done: Mapping[tuple[str, str], int]) -> None:
    cell = (entry.species, entry.person)
    if cell not in plan.tries:
        raise UserError(
            f"{entry.person} presents no {entry.species} in the plan",
            expected=", ".join(plan.people_of(entry.species)[:12]),
            do="correct the person, or change the plan and say why",
        )
    if done.get(cell, 0) >= plan.tries[cell] and uses_up(entry, plan):
        raise UserError(
            f"more tries of {entry.species} by {entry.person} than planned", expected=f"{plan.tries[cell]}",
            found=f"number {done.get(cell, 0) + 1}", do="remove it, or change the plan and say why",
        )  # fmt: skip
