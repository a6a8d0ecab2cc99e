"""`fastrain leaderboard`: static pages of sweeps: a table that sorts, a page a method, claims, error against cost."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from markupsafe import Markup

from fasdata.page.charts import COLOURS, draw
from fasdata.page.page import Page, Section
from fasdata.page.parts import Column, Paragraph, Row, Table
from fasdata.page.spelling import Absent, is_number, metric, percent, ratio
from fasdata.store.atomic import write_text
from fastrain.claims.published import RECIPES, Claim, load_published
from fastrain.compare.by_protocol import ByProtocol, GridRow
from fastrain.compare.compare import Block, Comparison, comparison_of
from fastrain.compare.comparison import Cell, ProtocolTable
from fastrain.compare.grid_text import GRID_NOTE, tried_text
from fastrain.compare.system import ScoredRun, System
from fastrain.evaluation.statistics.intervals import RESAMPLES
from fastrain.evaluation.thresholds import SOURCE_EER, TARGET_EER
from fastrain.rundir import ResultFacts, RunDir
from fastrain.sweep.failed_runs import ANCHOR, FailedRun, failed_runs, failed_section

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEADLINE = f"HTER at {SOURCE_EER.name}"
INDEX = "index.html"
_NUMBERS = (
    ("AUC", "auc", ""),
    (HEADLINE, "hter", SOURCE_EER.name),
    (f"HTER at {TARGET_EER.name}", "hter", TARGET_EER.name),
)


def leaderboard(sweeps: Sequence[Path], out: Path, *, resamples: int = RESAMPLES) -> list[Path]:
    """Write the pages of sweeps into the folder `out`; return their paths, the index first.

    Raises:
        UserError: as `fastrain.compare.compare.comparison_of`.
    """
    comparison = comparison_of(sweeps, resamples=resamples)
    claims = load_published()
    failed = failed_runs(sweeps)
    names = list(dict.fromkeys(line.system.name for table in comparison.tables for line in table.lines))
    orders = max(len(_titles(_headline(block))) for block in comparison.blocks)
    pages = {out / INDEX: _index(comparison, failed, None)}
    pages |= {out / _sorted_by(place): _index(comparison, failed, place) for place in range(orders)}
    pages |= {out / page_of(name): _of_system(name, comparison, failed, claims, out) for name in names}
    out.mkdir(parents=True, exist_ok=True)
    for path, page in pages.items():
        write_text(path, page.html())
    return list(pages)


def page_of(name: str) -> str:
    """Return the file of a system's page.

    >>> page_of("erm (lr=0.1)")
    'erm-lr-0.1.html'
    """
    return re.sub(r"[^A-Za-z0-9_.]+", "-", name).strip("-") + ".html"


def _link(target: str, words: object) -> Markup:
    return Markup('<a href="{}">{}</a>').format(target, words)


# -- The index: methods by protocols, and error against cost -----------------------------------------------------------


def _index(comparison: Comparison, failed: Sequence[FailedRun], order: int | None) -> Page:
    """Return the index with its rows in the order of a column, by default of the average error."""
    sections = [_block_section(block, failed, order) for block in comparison.blocks]
    if failed:
        sections.append(failed_section(failed, _aliases(comparison)))
    runs = [run for block in comparison.blocks for run in _runs(block)]
    hours = [run.about.cost.device_seconds / 3600 for run in runs if run.about.cost.device_seconds is not None]
    facts = [("Runs", str(len(runs))), ("Device time", f"{sum(hours):.2f} hours")]
    facts += [("Note", note) for note in comparison.notes]
    return Page("Leaderboard", sections, facts, "Written by fastrain leaderboard.")


def _aliases(comparison: Comparison) -> dict[str, str]:
    return {table.protocol: table.alias for table in comparison.tables}


def _headline(block: Block) -> ByProtocol:
    return next(grid for grid in block.grids if grid.title == HEADLINE)


def _titles(grid: ByProtocol) -> list[str]:
    average = ["average"] if len(grid.protocols) > 1 else []
    return ["Method", *grid.protocols, *average, "Hours a run", "Seeds", "Settings tried"]


def _sorted_by(place: int) -> str:
    return f"sorted-{place}.html"


def _block_section(block: Block, failed: Sequence[FailedRun], order: int | None) -> Section:
    grid = _headline(block)
    titles, last = _titles(grid), len(grid.protocols) + (len(grid.protocols) > 1)
    by_key: list[tuple[list[tuple[bool, float | str]], Row]] = []
    for row in sorted(grid.rows, key=_error):
        page, hours = page_of(row.name), _hours(block, row.name)
        numbers = [*row.cells, row.average][:last]
        places = [*(f"{page}#{_anchor(at)}" for at in grid.protocols), page]
        absent = [*(_absent(block, row.name, table, failed) for table in block.tables), Absent("not on all protocols")]
        cells = [_number(cell, place, none) for cell, place, none in zip(numbers, places, absent, strict=False)]
        cost = f"{hours:.3f}" if hours is not None else Absent("not recorded")
        values = [*(cell.value if cell else None for cell in numbers), hours]
        keys: list[tuple[bool, float | str]] = [
            (False, row.name), *((value is None, value or 0.0) for value in values), (False, row.seeds),
            (False, row.tried),
        ]  # fmt: skip
        by_key.append((keys, Row([_link(page, row.name), *cells, cost, row.seeds, row.tried])))
    if order is not None:
        by_key.sort(key=lambda each: each[0][min(order, len(titles) - 1)])
    columns = [
        Column(_link(_sorted_by(place), title), numeric=0 < place < len(titles) - 2)
        for place, title in enumerate(titles)
    ]
    note = GRID_NOTE.format(baseline=grid.baseline) + " A heading leads to the same table in the order of its column."
    parts: list[object] = [Table(f"{HEADLINE}, %", columns, [row for _, row in by_key], note)]
    parts += [Paragraph(words) for words in tried_text(block.tried)]
    parts += [chart] if (chart := _against_cost(block, grid)) else []
    return Section(f"recipe-{block.recipe}", f"Recipe {block.recipe}", parts)


def _error(row: GridRow) -> float:
    cell = row.average or next((cell for cell in row.cells if cell), None)
    return cell.value if cell and cell.value is not None else float("inf")


def _absent(block: Block, name: str, table: ProtocolTable, failed: Sequence[FailedRun]) -> object:
    """Return what stands for the number that a system lacks on a protocol; failed runs are linked to."""
    methods = {line.system.about.method for each in block.tables for line in each.lines if line.system.name == name}
    there = [
        run for run in failed
        if run.facts.method in methods and (run.facts.protocol, run.facts.recipe) == (table.protocol, block.recipe)
    ]  # fmt: skip
    return _link(f"#{ANCHOR}", "failed") if there else Absent("no run")


def _number(cell: Cell | None, target: str, absent: object) -> object:
    if cell is None or cell.value is None:
        return absent
    ends = (cell.interval.low, cell.interval.high) if cell.interval else None
    words, bracket, interval = str(percent(cell.value, sd=cell.sd, ends=ends, unit="")).partition(" [")
    shown = Markup("{} {}").format(words, cell.mark) if cell.mark else Markup("{}").format(words)
    return _link(target, Markup("{}<br>{}").format(shown, (bracket + interval).strip()))


def _runs(block: Block) -> Iterator[ScoredRun]:
    for table in block.tables:
        for line in table.lines:
            yield from line.system.runs


def _hours(block: Block, name: str) -> float | None:
    systems = [line.system for table in block.tables for line in table.lines if line.system.name == name]
    costs = [run.about.cost.device_seconds for system in systems for run in system.runs]
    known = [seconds for seconds in costs if seconds is not None]
    return fmean(known) / 3600 if known else None


def _against_cost(block: Block, grid: ByProtocol) -> Markup | None:
    """Return a chart of the error of each method against the device time of its runs."""
    points = [(row.name, _hours(block, row.name), _error(row)) for row in grid.rows]
    shown = [(name, hours, 100 * error) for name, hours, error in points if hours and error < float("inf")]
    if not shown:
        return None

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        for place, (name, hours, error) in enumerate(shown):
            axes.plot([hours], [error], "o", color=COLOURS[place % len(COLOURS)], label=name, markersize=6)
        axes.set_xlabel("device hours a run")
        axes.set_ylabel(f"{HEADLINE}, %")
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        axes.legend(loc="upper left", bbox_to_anchor=(0, -0.22), ncols=2)

    described = "; ".join(f"{name}: {error:.2f} % at {hours:.3f} hours" for name, hours, error in shown)
    return Markup("<figure>{}<figcaption>Error against cost.</figcaption></figure>").format(
        draw(paint, name=f"cost-{block.recipe}", alt=f"Error against device time. {described}")
    )


# -- A page a method: its runs, and what papers claim ------------------------------------------------------------------


def _of_system(
    name: str, comparison: Comparison, failed: Sequence[FailedRun], claims: Sequence[Claim], out: Path
) -> Page:
    sections, method = [], None
    for block in comparison.blocks:
        for table in block.tables:
            system = next((line.system for line in table.lines if line.system.name == name), None)
            if system is not None:
                method = system.about.method
                sections.append(_protocol_section(system, table, block, claims, out))
    if of_method := [run for run in failed if run.facts.method == method]:
        sections.append(failed_section(of_method, _aliases(comparison), methods=False))
    back = ("All methods", _link(INDEX, "leaderboard"))
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
    about = system.about
    own = [claim for claim in claims if (claim.method.lower(), claim.protocol) == (str(about.method), table.protocol)]
    if own:
        parts += [_claims(own, block.recipe, str(about.selection.policy)), Paragraph(RECIPES)]
    else:
        parts.append(Paragraph(f"No claim of a paper on {about.method} and {table.alias} is on record."))
    return Section(
        _anchor(table.alias), f"{table.alias}, recipe {block.recipe}", parts, f"{table.protocol}: {table.people}."
    )


def _run_row(run: ScoredRun, out: Path) -> Row:
    report = Path(os.path.relpath(run.folder / "report.html", out)).as_posix()
    has_report, cost = (run.folder / "report.html").is_file(), run.about.cost
    results = RunDir(run.folder).results()
    values = [_result(results, name, policy) for _, name, policy in _NUMBERS]
    numbers = []
    for (_, name, _), value in zip(_NUMBERS, values, strict=True):
        spelt = metric(name, value)
        numbers.append(_link(report, spelt) if has_report and is_number(value) else spelt)
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


def _anchor(alias: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", alias)
