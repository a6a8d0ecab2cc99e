"""The page of a method on a leaderboard: its runs protocol by protocol, and what papers claim beside them."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from fasdata.page.page import Page, Section
from fasdata.page.parts import Column, Paragraph, Row, Table
from fasdata.page.spelling import Absent, is_number, metric, percent, ratio
from fastrain.claims.published import RECIPES, Claim
from fastrain.compare.compare import Block, Comparison
from fastrain.compare.comparison import Cell, ProtocolTable
from fastrain.compare.system import ScoredRun, System
from fastrain.evaluation.thresholds import SOURCE_EER, TARGET_EER
from fastrain.rundir import ResultFacts, RunDir
from fastrain.sweep.failed_runs import FailedRun, failed_section

INDEX = "index.html"
HEADLINE = f"HTER at {SOURCE_EER.name}"
_NUMBERS = (
    ("AUC", "auc", ""),
    (HEADLINE, "hter", SOURCE_EER.name),
    (f"HTER at {TARGET_EER.name}", "hter", TARGET_EER.name),
)


def page_of(name: str) -> str:
    """Return the file of a system's page.

    >>> page_of("erm (lr=0.1)")
    'erm-lr-0.1.html'
    """
    return re.sub(r"[^A-Za-z0-9_.]+", "-", name).strip("-") + ".html"


def anchor_of(alias: str) -> str:
    """Return where the page of a system has a protocol."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", alias)


def link(target: str, words: object) -> Markup:
    """Return a link."""
    return Markup('<a href="{}">{}</a>').format(target, words)


def aliases(comparison: Comparison) -> dict[str, str]:
    """Return what the protocols of a comparison are called."""
    return {table.protocol: table.alias for table in comparison.tables}


def method_page(
    name: str, comparison: Comparison, failed: Sequence[FailedRun], claims: Sequence[Claim], out: Path
) -> Page:
    """Return the page of a system, which stands in the folder `out`."""
    sections, method = [], None
    for block in comparison.blocks:
        for table in block.tables:
            system = next((line.system for line in table.lines if line.system.name == name), None)
            if system is not None:
                method = system.about.method
                sections.append(_protocol_section(system, table, block, claims, out))
    if of_method := [run for run in failed if run.facts.method == method]:
        sections.append(failed_section(of_method, aliases(comparison)))
    back = ("All methods", link(INDEX, "leaderboard"))
    return Page(name, sections, [back], "Written by fastrain leaderboard.")


def _protocol_section(
    system: System, table: ProtocolTable, block: Block, claims: Sequence[Claim], out: Path
) -> Section:
    titles = ["Seed", *(title for title, _, _ in _NUMBERS), "Hours", "Peak memory, GiB", "Images/s", "Checkpoint"]
    columns = [Column(title, numeric=0 < place < len(titles) - 1) for place, title in enumerate(titles)]
    parts: list[object] = [
        Table(
            f"Runs of {system.name} on {table.alias}",
            columns,
            [_run_row(run, out) for run in system.runs],
            "Clip level on the target. Each number leads to the report of its run.",
        )
    ]
    parts += [_each_target(system, table)] if table.each else []
    about = system.about
    own = [claim for claim in claims if (claim.method.lower(), claim.protocol) == (str(about.method), table.protocol)]
    if own:
        parts += [_claims(own, block.recipe, str(about.selection.policy)), Paragraph(RECIPES)]
    else:
        parts.append(Paragraph(f"No claim of a paper on {about.method} and {table.alias} is on record."))
    return Section(
        anchor_of(table.alias), f"{table.alias}, recipe {block.recipe}", parts, f"{table.protocol}: {table.people}."
    )


def _each_target(system: System, table: ProtocolTable) -> Table:
    """Return the numbers of a system on each of several targets, and their mean."""
    by_number = [next(line.cells for line in each.lines if line.system is system) for each in table.each]
    rows = [
        Row(
            [
                target,
                *(_spelt(cells[place], name) for cells, (_, name, _) in zip(by_number, table.columns, strict=True)),
            ]
        )
        for place, (target, _, _) in enumerate(table.each[0].columns)
    ]
    titles = [title for title, _, _ in table.columns]
    columns = [Column("Target"), *(Column(title, numeric=True) for title in titles)]
    return Table(f"{system.name} on each target of {table.alias}", columns, rows, "Mean ± deviation over the runs.")


def _spelt(cell: Cell, name: str) -> object:
    ends = (cell.interval.low, cell.interval.high) if cell.interval else None
    return metric(name, cell.value, sd=cell.sd, ends=ends)


def _run_row(run: ScoredRun, out: Path) -> Row:
    report = Path(os.path.relpath(run.folder / "report.html", out)).as_posix()
    has_report, cost = (run.folder / "report.html").is_file(), run.about.cost
    results = RunDir(run.folder).results()
    values = [_result(results, name, policy) for _, name, policy in _NUMBERS]
    numbers = []
    for (_, name, _), value in zip(_NUMBERS, values, strict=True):
        spelt = metric(name, value)
        numbers.append(link(report, spelt) if has_report and is_number(value) else spelt)
    none = Absent("not recorded")
    hours = none if cost.device_seconds is None else f"{cost.device_seconds / 3600:.3f}"
    memory = none if cost.peak_memory_bytes is None else f"{cost.peak_memory_bytes / 2**30:.2f}"
    rate = none if cost.images_per_second is None else f"{cost.images_per_second:.0f}"
    return Row([str(run.about.seed), *numbers, hours, memory, rate, str(run.about.selection.policy)])


def _result(results: ResultFacts, name: str, policy: str) -> float | None:
    """Return a metric of the clips of the target."""
    wanted = ("test", "clip", name, policy)
    rows = results.metrics
    return next((row.value for row in rows if (row.part, row.level, row.metric, row.threshold_policy) == wanted), None)


def _claims(claims: Sequence[Claim], recipe: str, selection: str) -> Table:
    rows = []
    for claim in claims:
        differs = [
            f"recipe {claim.recipe or 'not stated'}, ours {recipe}",
            f"selection {claim.selection}, ours {selection}",
            f"threshold {claim.threshold}, ours {SOURCE_EER.name}",
        ]
        numbers = (percent(claim.hter, "not given", sd=claim.hter_sd, unit=""), ratio(claim.auc, "not given"))
        rows.append(Row([claim.name, *numbers, "; ".join(differs)], "muted"))
    columns = [Column("Claim"), Column("HTER %", numeric=True), Column("AUC", numeric=True), Column("What differs")]
    return Table("What papers claim", columns, rows)
