"""Judge a presentation log against a level: passed, failed, or not enough presentations to say."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from fasdata.page.spelling import percent
from fasdata.records import ATTACK, BONAFIDE
from fasdata.species import read_attack_name
from fastrain.evaluation.score_rules import FIELD_PREFIX
from fastrain.evaluation.scores import Samples, ScoreTable
from fastrain.evaluation.sheet import Known
from fastrain.evaluation.statistics.clusters import Clusters
from fastrain.evaluation.statistics.edges import Decided
from fastrain.evaluation.statistics.proportions import Interval
from fastrain.lab.levels import INTERVAL, Level
from fastrain.lab.plan_file import LabPlan
from fastrain.lab.presentation_log import ACCEPTED, NO_RESPONSE, PresentationLog, Try, uses_up
from fastrain.lab.to_do import left_to_do

if TYPE_CHECKING:
    import pandas as pd

PASSED, FAILED, TOO_FEW = "passed", "failed", "not enough presentations"
KEPT, BROKEN, OPEN = "kept", "broken", "not enough presentations"
NOTHING = Interval(math.nan, math.nan)
DECISION = 0.5  # of decisions as scores, 1 accepted and 0 rejected


@dataclass(frozen=True)
class Criterion:
    """One rate against its limit: `errors` of `presented`, of so many people; `asked` is what the level asks for.

    `rate` is NaN without a presentation; `lost` counts presentations without a response, which `presented` holds or
    leaves out by the plan's rule. `standing` is `KEPT`, `BROKEN` or `OPEN`.
    """

    species: str
    errors: int
    presented: int
    asked: int
    lost: int
    people: int
    rate: float
    interval: Interval
    limit: float
    standing: str

    def shown(self) -> Known:
        """Return the rate as it is printed, with its interval."""
        return percent(self.rate, "none presented", ends=(self.interval.low, self.interval.high))

    @property
    def name(self) -> str:
        """Return what the rate is called: `BPCER`, `APCER of print`."""
        return "BPCER" if self.species == BONAFIDE else f"APCER of {self.species}"


@dataclass(frozen=True)
class Verdict:
    """What became of a level: the outcome, a sentence for each reason, and every rate that was judged."""

    level: Level
    outcome: str
    reasons: tuple[str, ...]
    criteria: tuple[Criterion, ...]


@dataclass(frozen=True)
class Judged:
    """A log as evaluation knows it: decisions on presentations, by species and person, under the plan's rule."""

    plan: LabPlan
    log: PresentationLog

    @cached_property
    def table(self) -> ScoreTable:
        """Return the tries as a score table, a clip each; a recorded decision has the score 1 or 0."""
        import pandas as pd

        return ScoreTable(pd.DataFrame([self._row(entry) for entry in self.log.tries]), "the log")

    @property
    def threshold(self) -> float:
        """Return the score from which on a presentation is accepted."""
        return DECISION if self.plan.threshold is None else self.plan.threshold

    def of(self, species: str) -> tuple[int, int, int, Interval]:
        """Return errors, presentations, people and the interval of the rate, of an attack species or of bona fide."""
        if not any(uses_up(entry, self.plan) for entry in self.log.tries):
            return 0, 0, 0, NOTHING
        samples, clusters, decided = self._decided
        members = samples.labels == 1 if species == BONAFIDE else samples.kinds.get(species)
        if members is None or not members.any():
            return 0, 0, 0, NOTHING
        interval = decided.bpcer() if species == BONAFIDE else decided.apcer_of(species)
        people = len(np.unique(clusters.unit[members]))
        return int(decided.wrong[members].sum()), int(members.sum()), people, interval

    def lost(self, species: str) -> int:
        """Return how many presentations of a species gave no response."""
        return sum(entry.species == species and entry.response == NO_RESPONSE for entry in self.log.tries)

    @property
    def counted_rows(self) -> pd.DataFrame:
        """Return the rows of the table that the rates are of: those without a response by the plan's rule."""
        rows = self.table.frame
        kept = rows if self.plan.no_response == "count" else rows[rows["status"] == "ok"]
        return kept.reset_index(drop=True)

    @cached_property
    def _decided(self) -> tuple[Samples, Clusters, Decided]:
        samples, clusters = Samples.of(self.table, self.plan.no_response, "pai"), Clusters.of(self.counted_rows)
        return samples, clusters, Decided.at([(samples, self.threshold)], clusters)

    def _row(self, entry: Try) -> dict[str, object]:
        lost = entry.response == NO_RESPONSE
        score = entry.score if entry.score is not None else float(entry.response == ACCEPTED)
        label, kind = (BONAFIDE, BONAFIDE) if entry.bona_fide else (ATTACK, read_attack_name(entry.species)[0])
        return {
            "sample_id": entry.name, "dataset": "laboratory", "domain": "laboratory", "part": "test",
            "clip_id": entry.name, "subject": entry.person, "label": label, "attack_type": kind,
            "pai": "" if entry.bona_fide else entry.species, "frame_index": -1 if lost else 0,
            "status": "fta" if lost else "ok", "score": math.nan if lost else score,
            **{f"{FIELD_PREFIX}{name}": value for name, value in entry.conditions.items()},
        }  # fmt: skip


def judge(level: Level, judged: Judged) -> Verdict:
    """Judge a log against a level.

    A limit is broken as soon as it cannot be kept any more: by more errors than it allows of the presentations that are
    asked for or planned, whichever are more; then the level is failed, whatever is still to come. It is kept where all
    these were made: who stopped as soon as the numbers look good would choose them by their outcome. All species of the
    plan count, also those beyond the number that the level asks for.
    """
    plan, log = judged.plan, judged.log
    criteria = (
        _criterion(judged, level, BONAFIDE, level.bona_fide, level.bpcer),
        *(_criterion(judged, level, name, level.attacks, level.apcer) for name in plan.species),
    )
    broken = tuple(_broken(criteria, level))
    lacking = tuple(_lacking(criteria, level, plan, log))
    outcome = FAILED if broken else TOO_FEW if lacking else PASSED
    return Verdict(level, outcome, broken or lacking, criteria)


def _criterion(judged: Judged, level: Level, species: str, asked: int, limit: float) -> Criterion:
    errors, presented, people, interval = judged.of(species)
    most = max(asked, judged.plan.planned(species))
    kept = interval.high <= limit if level.judged_by == INTERVAL else errors <= _allowed(limit, presented)
    if errors > _allowed(limit, most):
        standing = BROKEN
    elif presented < most:
        standing = OPEN
    else:
        standing = KEPT if kept else BROKEN
    rate = errors / presented if presented else math.nan
    return Criterion(species, errors, presented, asked, judged.lost(species), people, rate, interval, limit, standing)


def _allowed(limit: float, presented: int) -> int:
    """Return how many errors a limit allows: 15 % of 20 are 3, although 0.15 * 20 is a little less for a computer."""
    return math.floor(limit * presented + 1e-9)


def _broken(criteria: Sequence[Criterion], level: Level) -> Iterator[str]:
    for criterion in criteria:
        if criterion.standing == BROKEN:
            end = " at the upper end" if level.judged_by == INTERVAL else ""
            observed = f"{criterion.errors} of {criterion.presented}, {criterion.shown()}"
            yield f"{criterion.name}: {observed}; at most {100 * criterion.limit:g} % is allowed{end}"


def _lacking(criteria: Sequence[Criterion], level: Level, plan: LabPlan, log: PresentationLog) -> Iterator[str]:
    if criteria[0].presented < level.bona_fide:
        yield f"{criteria[0].presented} of {level.bona_fide} bona fide presentations"
    enough = sum(criterion.presented >= level.attacks for criterion in criteria[1:])
    if enough < level.species:
        yield f"{enough} of {level.species} species have {level.attacks} attacks"
    if left := sum(left_to_do(plan, log).values()):
        yield f"{left:,} of {sum(plan.tries.values()):,} planned presentations are still to do"
