"""Several runs beside each other: each seed, their median, and control runs."""

from __future__ import annotations

from collections.abc import Sequence

from fasdata.report.page import Section
from fasdata.report.prose import Notice
from fasdata.report.table import Column, Row, Table
from fasdata.report.value import text
from fastrain.report.numbers import AUC, EER, HTER, VAL_AUC
from fastrain.report.results import HONEST
from fastrain.report.run_folder import RunFolder

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
    rows = [Row((run.name, text(run.run.get("seed")), *_cells([run]))) for run in runs]
    if len(runs) > 1:
        rows.append(Row((f"Median of {len(runs)} runs", "", *_cells(runs)), "strong"))
    rows += [Row((f"control: {run.name}", text(run.run.get("seed")), *_cells([run])), "muted") for run in controls]
    if len(controls) > 1:
        rows.append(Row((f"Median of {len(controls)} control runs", "", *_cells(controls)), "muted"))
    note = "Median: each column by itself, over the runs that have the number." if len(runs) > 1 else ""
    if controls:
        note += " Control: trained on shuffled labels; AUCs near 0.500 are what it should show."
    lead = "The same training repeated, so that one lucky or unlucky run does not decide." if len(runs) > 1 else ""
    table = Table("Each run at clip level", _COLUMNS, rows, note.strip())
    return Section("seeds", "Runs side by side", [*_warnings(runs, controls), table], lead)


def _cells(runs: Sequence[RunFolder]) -> list[object]:
    return [number.shown(runs) for number in _NUMBERS]


def _warnings(runs: Sequence[RunFolder], controls: Sequence[RunFolder]) -> list[Notice]:
    """Tell of runs that should not stand side by side."""
    found = []
    differing = []
    for key in _SAME:
        values = {str(run.run.get(key) or "not recorded") for run in (*runs, *controls)}
        if len(values) > 1:
            differing.append(f"{key.replace('_', ' ')}: {', '.join(sorted(values))}")
    if differing:
        found.append(Notice("These runs differ in more than their seed: compare them with care.", differing, "mixed"))
    true_labels = [run.name for run in controls if not run.run.get("shuffle_labels")]
    if true_labels:
        found.append(Notice("Given as control, but trained on true labels:", true_labels, "bad"))
    shuffled = [run.name for run in runs if run.run.get("shuffle_labels")]
    if shuffled:
        found.append(Notice("Given as a run to report on, but trained on shuffled labels:", shuffled, "bad"))
    return found
