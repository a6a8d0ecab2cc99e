"""The few numbers that stand for a whole run, and their median over seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from fasdata.report.value import Absent, percent, ratio
from fastrain.report.results import HONEST, ORACLE, TEST, VAL
from fastrain.report.run_folder import RunFolder


@dataclass(frozen=True)
class Number:
    """A clip-level figure: its title, where it stands in the results, and how it is spelled."""

    title: str
    part: str
    metric: str
    policy: str
    spell: Callable[[Any, str], str | Absent]

    def of(self, run: RunFolder) -> float | None:
        """Return its value in one run, None where it is undefined."""
        return run.results.metric(self.part, "clip", self.metric, self.policy)

    def shown(self, runs: Sequence[RunFolder]) -> str | Absent:
        """Return its value in one run, or its median over the runs that have it, spelled."""
        if len(runs) == 1:
            return runs[0].results.shown(self.spell, self.part, "clip", self.metric, self.policy)
        values = self.values(runs)
        return self.spell(median(values) if values else None, "no run has it")

    def values(self, runs: Sequence[RunFolder]) -> list[float]:
        """Return its values in the runs that have it."""
        return [value for run in runs if (value := self.of(run)) is not None]


VAL_AUC = Number("Held-out source AUC", VAL, "auc", "", ratio)
AUC = Number("Unseen domain AUC", TEST, "auc", "", ratio)
HTER = Number("Unseen domain HTER", TEST, "hter", HONEST, percent)
ORACLE_HTER = Number("Unseen domain HTER", TEST, "hter", ORACLE, percent)
EER = Number("Unseen domain EER", TEST, "eer", "", percent)
