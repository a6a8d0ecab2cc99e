"""A robustness suite as a table, a CSV file and a page with curves."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from fasdata.report.chart import Chart, Charts
from fasdata.report.lines import Axis, Line, line_chart
from fasdata.report.page import Page, Section
from fasdata.report.table import Column, Row, Table
from fasdata.report.value import percent, ratio
from fasdata.store.atomic import write_text
from fasdata.text_table import text_table
from fastrain.evaluation.score_origin import ScoreOrigin
from fastrain.robustness.suite import MEASURES, Rung

TITLES = {"auc": "AUC", "hter": "HTER", "apcer": "APCER, worst species", "bpcer": "BPCER"}
NOTE = "Target, clip level; HTER, APCER and BPCER at source_eer, the threshold of the unharmed held-out sources."


def as_text(rungs: Sequence[Rung]) -> str:
    """Return the table for a terminal."""
    header = ["pictures", "what was done", *TITLES.values()]
    lines = text_table(header, [_cells(rung) for rung in rungs], indent="")
    return "\n".join([*lines, _note(rungs)])


def write_csv(rungs: Sequence[Rung], out: Path) -> None:
    """Write one row a rung: corruption, severity (0 = as they are), and each measure as a share."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["corruption", "severity", *MEASURES])
    for rung in rungs:
        kind = ("none", 0) if rung.corruption is None else (rung.corruption.kind, rung.corruption.severity)
        table.writerow([*kind, *("" if rung.numbers[name] is None else rung.numbers[name] for name in MEASURES)])
    write_text(out, text.getvalue())


def write_page(rungs: Sequence[Rung], out: Path, title: str) -> None:
    """Write the table and one chart a measure as a self-contained page."""
    charts = [_chart(rungs, name) for name in ("auc", "hter", "apcer", "bpcer")]
    columns = [Column("Pictures"), Column("What was done"), *(Column(one, True) for one in TITLES.values())]
    rows = [Row(_cells(rung), "" if rung.corruption else "strong") for rung in rungs]
    sections = [
        Section("curves", "By severity", [Charts(charts)], _note(rungs)),
        Section("table", "All numbers", [Table("Robustness", columns, rows, _note(rungs))]),
    ]
    Page(title, sections, (), "Written by fastrain eval --corrupt.").write(out)


def _note(rungs: Sequence[Rung]) -> str:
    origin = ScoreOrigin.of(rungs[0].scores)
    return f"{NOTE} Checkpoint selected by {origin.selection}: {origin.checkpoint}."


def _chart(rungs: Sequence[Rung], name: str) -> Chart:
    clean = next(rung for rung in rungs if rung.corruption is None).numbers[name]
    kinds = dict.fromkeys(rung.corruption.kind for rung in rungs if rung.corruption)
    lines = []
    for kind in kinds:
        points = [
            (rung.corruption.severity, rung.numbers[name])
            for rung in rungs
            if rung.corruption and rung.corruption.kind == kind and rung.numbers[name] is not None
        ]
        pairs = ([(0, clean)] if clean is not None else []) + points
        lines.append(Line(kind, [float(x) for x, _ in pairs], [float(y or 0) for _, y in pairs], dots=True))
    axis = Axis("share" if name != "auc" else "AUC", 0.0, 1.02)
    svg = line_chart(
        lines, Axis("severity (0 = as they are)"), axis, name=f"robust-{name}", alt=f"{TITLES[name]} by severity"
    )
    return Chart(TITLES[name], svg)


def _cells(rung: Rung) -> list[str]:
    done = "" if rung.corruption is None else rung.corruption.setting
    shown = [(ratio if name == "auc" else percent)(rung.numbers[name]) for name in MEASURES]
    return [rung.name, done, *(one if isinstance(one, str) else "-" for one in shown)]
