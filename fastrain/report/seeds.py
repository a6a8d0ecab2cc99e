"""Show the headline numbers of each seed side by side, with their median, and those of control runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from fasdata.page.page import Section
from fasdata.page.parts import Column, Notice, Row, Table
from fasdata.page.spelling import begun, metric, on_two_lines, text
from fastrain.evaluation.reached import Reached
from fastrain.evaluation.results_lookup import HONEST, ORACLE, PARTS, TEST, VAL
from fastrain.report.run_folder import RunFolder

# -- The headline numbers of a run ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Number:
    """A clip-level figure: what it is, and where it stands in the results."""

    what: str
    part: str
    metric: str
    policy: str

    @property
    def title(self) -> str:
        """Return its title for a trained run."""
        return f"{begun(PARTS[self.part])} {self.what}"

    def titled(self, run: RunFolder) -> str:
        """Return its title, with what the run calls its parts."""
        return f"{begun(run.results.named(self.part))} {self.what}"

    def of(self, run: RunFolder) -> float | None:
        """Return its value in one run, None where it is undefined."""
        return run.results.metric(self.part, "clip", self.metric, self.policy)

    def shown(self, runs: Sequence[RunFolder], *, interval: bool = False) -> Any:
        """Return its value in one run, its interval below it if asked, or its median over the runs that have it."""
        if len(runs) == 1:
            shown = runs[0].results.shown(self.part, "clip", self.metric, self.policy, interval=interval)
            return on_two_lines(shown) if interval else shown
        values = self.values(runs)
        return metric(self.metric, median(values) if values else None, "no run has it")

    def ends(self, runs: Sequence[RunFolder]) -> str:
        """Return the interval of its value in one run, or of its median over several, as the end of a note."""
        alone: Any = runs[0].results.shown(self.part, "clip", self.metric, self.policy, interval=True)
        if len(runs) > 1:
            reached = self.reached(runs)
            alone = metric(self.metric, reached.middle, ends=reached.ends) if reached else ""
        _, bracket, rest = str(alone).partition(" [")
        return f"; 95 %{bracket}{rest}" if bracket else ""

    def reached(self, runs: Sequence[RunFolder]) -> Reached:
        """Return its values in the runs that have it, with an interval over people and runs."""
        having = [run for run in runs if self.of(run) is not None]
        return Reached.of(
            self.values(having), [run.results.ends(self.part, self.metric, self.policy) for run in having]
        )

    def values(self, runs: Sequence[RunFolder]) -> list[float]:
        """Return its values in the runs that have it."""
        return [value for run in runs if (value := self.of(run)) is not None]


VAL_AUC = Number("AUC", VAL, "auc", "")
AUC = Number("AUC", TEST, "auc", "")
HTER = Number("HTER", TEST, "hter", HONEST)
ORACLE_HTER = Number("HTER", TEST, "hter", ORACLE)
EER = Number("EER", TEST, "eer", "")


# -- Runs side by side ------------------------------------------------------------------------------------------------

_NUMBERS = (VAL_AUC, AUC, HTER, EER)
_COLUMNS = (
    Column("Run"),
    Column("Seed", numeric=True),
    Column(VAL_AUC.title, numeric=True),
    Column(AUC.title, numeric=True),
    Column(f"{HTER.title}, threshold {HONEST}", numeric=True),
    Column(f"{EER.title} (oracle)", numeric=True),
)
_SAME = ("method", "protocol", "recipe", "manifest_fingerprint")


def seeds_section(runs: Sequence[RunFolder], controls: Sequence[RunFolder]) -> Section:
    """Return the table of all runs with their median, and the control runs below with theirs."""
    rows = [Row((run.name, text(run.run.seed), *_cells([run]))) for run in runs]
    if len(runs) > 1:
        rows.append(Row((f"Median of {len(runs)} runs", "", *_cells(runs)), "strong"))
    rows += [Row((f"control: {run.name}", text(run.run.seed), *_cells([run])), "muted") for run in controls]
    if len(controls) > 1:
        rows.append(Row((f"Median of {len(controls)} control runs", "", *_cells(controls)), "muted"))
    note = "Median: each column by itself, over the runs that have the number." if len(runs) > 1 else ""
    if controls:
        note += " Control: trained on shuffled labels; AUCs near 0.500 are what it should show."
    lead = "The same training repeated, so that one lucky or unlucky run does not decide." if len(runs) > 1 else ""
    table = Table("Each run at clip level", _COLUMNS, rows, note.strip())
    return Section("seeds", "Runs side by side", [*_warnings(runs, controls), table], lead)


def _cells(runs: Sequence[RunFolder]) -> list[object]:
    return [number.shown(runs, interval=True) for number in _NUMBERS]


def _warnings(runs: Sequence[RunFolder], controls: Sequence[RunFolder]) -> list[Notice]:
    """Warn of runs that should not be compared."""
    notices = []
    differing = []
    for key in _SAME:
        values = {str(getattr(run.run, key) or "not recorded") for run in (*runs, *controls)}
        if len(values) > 1:
            differing.append(f"{key.replace('_', ' ')}: {', '.join(sorted(values))}")
    if differing:
        notices.append(Notice("These runs differ in more than their seed: compare them with care.", differing, "mixed"))
    true_labels = [run.name for run in controls if not run.run.shuffle_labels]
    if true_labels:
        notices.append(Notice("Given as control, but trained on true labels:", true_labels, "bad"))
    shuffled = [run.name for run in runs if run.run.shuffle_labels]
    if shuffled:
        notices.append(Notice("Given as a run to report on, but trained on shuffled labels:", shuffled, "bad"))
    return notices
