"""`fastrain leaderboard`: static pages of sweeps: a table that sorts, a page a method, claims, error against cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from markupsafe import Markup

from fasdata.page.charts import COLOURS, draw
from fasdata.page.page import Page, Section
from fasdata.page.parts import Column, Paragraph, Row, Table
from fasdata.page.spelling import Absent, percent
from fasdata.store.atomic import write_text
from fastrain.claims.published import load_published
from fastrain.compare.by_protocol import ByProtocol, GridRow
from fastrain.compare.compare import Block, Comparison, comparison_of
from fastrain.compare.comparison import Cell, ProtocolTable
from fastrain.compare.grid_text import GRID_NOTE, tried_text
from fastrain.compare.system import ScoredRun
from fastrain.evaluation.statistics.intervals import RESAMPLES
from fastrain.sweep.failed_runs import ANCHOR, FailedRun, failed_runs, failed_section, without_folders
from fastrain.sweep.method_page import HEADLINE, INDEX, aliases, anchor_of, link, method_page, page_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
    charts = [_against_cost(block, _headline(block)) for block in comparison.blocks]
    pages = {out / INDEX: _index(comparison, charts, failed, None)}
    pages |= {out / _sorted_by(place): _index(comparison, charts, failed, place) for place in range(orders)}
    pages |= {out / page_of(name): method_page(name, comparison, failed, claims, out) for name in names}
    out.mkdir(parents=True, exist_ok=True)
    for path, page in pages.items():
        write_text(path, page.html())
    return list(pages)


# -- The index: methods by protocols, and error against cost -----------------------------------------------------------


def _index(
    comparison: Comparison, charts: Sequence[Markup | None], failed: Sequence[FailedRun], order: int | None
) -> Page:
    """Return the index with its rows in the order of a column, by default of the average error."""
    sections = [
        _block_section(block, chart, failed, order) for block, chart in zip(comparison.blocks, charts, strict=True)
    ]
    if failed:
        sections.append(failed_section(failed, aliases(comparison)))
    runs = [run for block in comparison.blocks for run in _runs(block)]
    hours = [run.about.cost.device_seconds / 3600 for run in runs if run.about.cost.device_seconds is not None]
    facts = [("Runs", str(len(runs))), ("Device time", f"{sum(hours):.2f} hours")]
    facts += [("Note", without_folders(note)) for note in comparison.notes]
    return Page("Leaderboard", sections, facts, "Written by fastrain leaderboard.")


def _headline(block: Block) -> ByProtocol:
    return next(grid for grid in block.grids if grid.title == HEADLINE)


def _titles(grid: ByProtocol) -> list[str]:
    average = ["average"] if len(grid.protocols) > 1 else []
    return ["Method", *grid.protocols, *average, "Hours a run", "Seeds", "Settings tried"]


def _sorted_by(place: int) -> str:
    return f"sorted-{place}.html"


def _block_section(block: Block, chart: Markup | None, failed: Sequence[FailedRun], order: int | None) -> Section:
    grid = _headline(block)
    titles, last = _titles(grid), len(grid.protocols) + (len(grid.protocols) > 1)
    by_key: list[tuple[list[tuple[bool, float | str]], Row]] = []
    for row in sorted(grid.rows, key=_error):
        page, hours = page_of(row.name), _hours(block, row.name)
        numbers = [*row.cells, row.average][:last]
        places = [*(f"{page}#{anchor_of(at)}" for at in grid.protocols), page]
        absent = [*(_absent(block, row.name, table, failed) for table in block.tables), Absent("not on all protocols")]
        cells = [_number(cell, place, none) for cell, place, none in zip(numbers, places, absent, strict=False)]
        cost = f"{hours:.3f}" if hours is not None else Absent("not recorded")
        values = [*(cell.value if cell else None for cell in numbers), hours]
        keys: list[tuple[bool, float | str]] = [
            (False, row.name), *((value is None, value or 0.0) for value in values), (False, row.seeds),
            (False, row.tried),
        ]  # fmt: skip
        by_key.append((keys, Row([link(page, row.name), *cells, cost, row.seeds, row.tried])))
    if order is not None:
        by_key.sort(key=lambda each: each[0][min(order, len(titles) - 1)])
    columns = [
        Column(link(_sorted_by(place), title), numeric=0 < place < len(titles) - 2)
        for place, title in enumerate(titles)
    ]
    note = GRID_NOTE.format(baseline=grid.baseline) + " A heading leads to the same table in the order of its column."
    parts: list[object] = [Table(f"{HEADLINE}, %", columns, [row for _, row in by_key], note)]
    parts += [Paragraph(words) for words in tried_text(block.tried)]
    parts += [chart] if chart else []
    return Section(f"recipe-{block.recipe}", f"Recipe {block.recipe}", parts)


def _error(row: GridRow) -> float:
    """Return the error of a system on all protocols; without one of them it has no place among the others."""
    cell = row.average if len(row.cells) > 1 else row.cells[0]
    return cell.value if cell and cell.value is not None else float("inf")


def _absent(block: Block, name: str, table: ProtocolTable, failed: Sequence[FailedRun]) -> object:
    """Return what stands for the number that a system lacks on a protocol; failed runs are linked to."""
    methods = {line.system.about.method for each in block.tables for line in each.lines if line.system.name == name}
    there = [
        run for run in failed
        if run.facts.method in methods and (run.facts.protocol, run.facts.recipe) == (table.protocol, block.recipe)
    ]  # fmt: skip
    return link(f"#{ANCHOR}", "failed") if there else Absent("no run")


def _number(cell: Cell | None, target: str, absent: object) -> object:
    if cell is None or cell.value is None:
        return absent
    ends = (cell.interval.low, cell.interval.high) if cell.interval else None
    words, bracket, interval = str(percent(cell.value, sd=cell.sd, ends=ends, unit="")).partition(" [")
    shown = Markup("{} {}").format(words, cell.mark) if cell.mark else Markup("{}").format(words)
    return link(target, Markup("{}<br>{}").format(shown, (bracket + interval).strip()))


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
    lacking = [name for name, hours, error in points if hours and error == float("inf")]

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        for place, (name, hours, error) in enumerate(shown):
            axes.plot([hours], [error], "o", color=COLOURS[place % len(COLOURS)], label=name, markersize=6)
        axes.set_xlabel("device hours a run")
        axes.set_ylabel(f"{HEADLINE}, %")
        axes.set_xlim(0, 1.08 * max(hours for _, hours, _ in shown))
        axes.set_ylim(0, max(1.0, 1.08 * max(error for *_, error in shown)))
        axes.legend(loc="upper left", bbox_to_anchor=(0, -0.22), ncols=2)

    described = "; ".join(f"{name}: {error:.2f} % at {hours:.3f} hours" for name, hours, error in shown)
    words = f" Not on all protocols: {', '.join(lacking)}." if lacking else ""
    what = "Average error" if len(grid.protocols) > 1 else "Error"
    return Markup("<figure>{}<figcaption>{} against cost.{}</figcaption></figure>").format(
        draw(paint, name=f"cost-{block.recipe}", alt=f"{what} against device time. {described}"), what, words
    )
