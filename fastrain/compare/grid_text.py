"""Write the table of methods by protocols as text, Markdown, LaTeX, CSV, or for a page."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from fasdata.page.spelling import metric, text_table
from fasdata.page.table_forms import Strong, latex_table, markdown_table
from fastrain.compare.by_protocol import AVERAGE, ByProtocol
from fastrain.compare.chosen import Tried
from fastrain.compare.comparison import Cell, ProtocolTable
from fastrain.compare.text import BEST, score_of
from fastrain.evaluation.statistics.proportions import AVERAGED, RULES

CSV_HEAD = (
    "recipe", "protocol", "system", "metric", "threshold_policy", "seeds", "settings_tried", "value", "sd", "low",
    "high", "rule", "mark", "best",
)  # fmt: skip
GRID_NOTE = (
    "Mean ± deviation over seeds, in brackets the 95 % interval over people and seeds; marks against {baseline} as in "
    f"the tables of the protocols. The average has no test; its interval: {RULES[AVERAGED]}. Settings: how many a "
    "sweep tried for the number."
)


def head_of_grid(grid: ByProtocol) -> tuple[str, ...]:
    """Return the headings of a table of methods by protocols."""
    return ("Method", *grid.protocols, *([AVERAGE] if len(grid.protocols) > 1 else []), "Seeds", "Settings")


def rows_of_grid(grid: ByProtocol) -> list[list[tuple[str, bool]]]:
    """Return the cells of each system, each with whether it is the best of its protocol."""
    rows = []
    for row in grid.rows:
        cells = [*row.cells, *([row.average] if len(grid.protocols) > 1 else [])]
        numbers = [(_text(cell, grid.metric), bool(cell and cell.best)) for cell in cells]
        rows.append([(row.name, False), *numbers, (row.seeds, False), (row.tried, False)])
    return rows


def grid_text(grids: Sequence[ByProtocol], tried: Sequence[Tried], form: str) -> str:
    """Return the tables of one recipe, one after the other, and below them what was tried."""
    parts = [{"text": _plain, "md": _markdown, "latex": _latex}[form](grid) for grid in grids]
    note = GRID_NOTE.format(baseline=grids[0].baseline) + f" {BEST[form]}: distinguishably better than all others."
    words = [note, *tried_text(tried)]
    lead = {"text": "", "md": "- ", "latex": "% "}[form]
    return "\n\n".join([*parts, "\n".join(f"{lead}{sentence}" for sentence in words)])


def tried_text(tried: Sequence[Tried]) -> list[str]:
    """Return sentences on the settings that were tried; one where each number had one alone."""
    if all(each.settings == 1 for each in tried):
        return ["One setting was tried for each number."] if tried else []
    return ["Settings tried for each number: " + "; ".join(each.text for each in tried) + "."]


def _text(cell: Cell | None, name: str) -> str:
    if cell is None:
        return "-"
    ends = (cell.interval.low, cell.interval.high) if cell.interval else None
    return f"{metric(name, cell.value, sd=cell.sd, ends=ends, unit='')} {cell.mark}".rstrip()


def _title(grid: ByProtocol) -> str:
    return f"{score_of(grid.title, grid.metric)}, recipe {grid.recipe}"


def _plain(grid: ByProtocol) -> str:
    rows = [[f"{cell} best" if best else cell for cell, best in row] for row in rows_of_grid(grid)]
    return "\n".join([_title(grid), *text_table(head_of_grid(grid), rows, indent="")])


def _markdown(grid: ByProtocol) -> str:
    return "\n".join([f"### {_title(grid)}", "", *markdown_table(head_of_grid(grid), _set_off(grid))])


def _latex(grid: ByProtocol) -> str:
    head = head_of_grid(grid)
    return "\n".join([f"% {_title(grid)}", *latex_table("l" + "r" * (len(head) - 3) + "ll", head, _set_off(grid))])


def _set_off(grid: ByProtocol) -> list[list[str]]:
    return [[Strong(text) if best else text for text, best in row] for row in rows_of_grid(grid)]


# -- CSV: one number a row ---------------------------------------------------------------------------------------------


def csv_text(blocks: Sequence[tuple[str, Sequence[ProtocolTable], Sequence[ByProtocol]]]) -> str:
    """Return every number of every block as a row; rates are shares, not percent."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_HEAD)
    for recipe, tables, grids in blocks:
        for grid, (_, name, policy) in zip(grids, tables[0].columns, strict=True):
            for row in grid.rows:
                numbers = [*zip(grid.protocols, row.cells, strict=True), (AVERAGE, row.average)]
                for protocol, cell in numbers:
                    if cell is not None:
                        about = [recipe, protocol, row.name, name, policy.name if policy else "", row.seeds, row.tried]
                        writer.writerow([*about, *_numbers(cell)])
        for table in (each for whole in tables for each in whole.each):
            by_name = {row.name: row for row in grids[0].rows}
            for line in table.lines:  # the last column, the mean, is what the table of methods by protocols has
                row = by_name[line.system.name]
                for (target, name, policy), cell in list(zip(table.columns, line.cells, strict=True))[:-1]:
                    on = f"{table.alias}: {target}"
                    about = [recipe, on, row.name, name, policy.name if policy else "", row.seeds, row.tried]
                    writer.writerow([*about, *_numbers(cell)])
    return out.getvalue()


def _numbers(cell: Cell) -> list[object]:
    ends = [cell.interval.low, cell.interval.high, cell.interval.rule] if cell.interval else ["", "", ""]
    plain = ["" if number is None else number for number in (cell.value, cell.sd, *ends)]
    return [*plain, cell.mark, "yes" if cell.best else ""]
