"""Show a comparison as a self-contained page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from markupsafe import Markup

from fasdata.page.page import Page, Section
from fasdata.page.parts import Column, Notice, Paragraph, Row, Table
from fasdata.page.spelling import Absent, on_two_lines, percent, ratio
from fastrain.claims.published import RECIPES, Claim, disagreements, sources_of
from fastrain.compare.answer import comparison_answer
from fastrain.compare.by_protocol import ByProtocol
from fastrain.compare.chosen import Tried
from fastrain.compare.comparison import ProtocolTable
from fastrain.compare.grid_text import GRID_NOTE, head_of_grid, rows_of_grid, tried_text
from fastrain.compare.text import LEADING, OUTSIDE, OWN_DATA, best_of, head_of, note, row_of, score_of

Blocks: TypeAlias = Sequence[tuple[str, Sequence[ProtocolTable], Sequence[ByProtocol], Sequence[Tried]]]


def page(blocks: Blocks, published: Sequence[Claim], warning: str = "", notes: Sequence[str] = ()) -> str:
    """Return the HTML of a comparison, one section a protocol; it needs no network and no script.

    Of a sweep, each recipe's tables of methods by protocols come first.
    """
    sections = []
    for recipe, tables, grids, tried in blocks:
        if grids:
            sections.append(grid_section(recipe, grids, tried))
        after = f"-{recipe}" if len(blocks) > 1 else ""
        for table in (shown for whole in tables for shown in whole.shown):
            quoted = [result for result in published if result.protocol == table.protocol]
            sections.append(_section(table, quoted, after))
    if notes:
        sections.insert(0, Section("notes", "Not all of it", [Notice("Runs are missing", list(notes), "mixed")]))
    if warning:
        notice = Notice(
            "Runs of different data", [warning, "Differences between these rows may come from the data."], "bad"
        )
        sections.insert(0, Section("warning", "Read this first", [notice]))
    every = [table for _, tables, _, _ in blocks for table in tables]
    names = list(dict.fromkeys(line.system.name for table in every for line in table.lines))
    aliases = list(dict.fromkeys(table.alias for table in every))
    facts = [("Systems", ", ".join(names)), ("Protocols", ", ".join(aliases))]
    title, footer = f"Comparison of {len(names)} systems", "Written by fastrain compare."
    return Page(title, sections, facts, footer, comparison_answer(every)).html()


def grid_section(recipe: str, grids: Sequence[ByProtocol], tried: Sequence[Tried]) -> Section:
    """Return the section with a recipe's tables of methods by protocols, and what was tried for their numbers."""
    parts: list[object] = []
    for grid in grids:
        head = head_of_grid(grid)
        columns = [Column(title, numeric=0 < place < len(head) - 2) for place, title in enumerate(head)]
        rows = []
        for row in rows_of_grid(grid):
            cells = _cells([text for text, _ in row])
            rows.append(Row([_bold(cell) if best else cell for cell, (_, best) in zip(cells, row, strict=True)]))
        parts.append(Table(score_of(grid.title, grid.metric), columns, rows))
    parts += [Paragraph(words) for words in (GRID_NOTE.format(baseline=grids[0].baseline), *tried_text(tried))]
    return Section(f"grid-{recipe}", f"Methods by protocols, recipe {recipe}", parts)


def _section(table: ProtocolTable, published: Sequence[Claim], after: str) -> Section:
    head = head_of(table)
    order = (0, *range(len(LEADING), len(head)), *range(1, len(LEADING)))  # the numbers first: of a narrow window
    columns = [Column(head[place], numeric=place >= len(LEADING)) for place in order]
    rows = []
    for line in table.lines:
        cells = list(zip(_cells(row_of(line, table)), best_of(line), strict=True))
        rows.append(Row([_bold(cell) if best else cell for cell, best in (cells[place] for place in order)]))
    of = f"{table.metric} on each target" if table.metric else "target"
    parts: list[object] = [Table(f"{table.alias}, {of} at clip level", columns, rows, note(table, "html"))]
    parts += [Paragraph(f"{sentence}.") for sentence in table.tests]
    if table.notes:
        parts.append(Notice(OUTSIDE, [f"{note}." for note in table.notes], "mixed"))
    parts += _published(table.alias, published) if published else []
    lead = f"{table.protocol}: {table.people}; {table.resamples} resamples."
    anchor = f"{table.protocol} {table.metric}".strip().translate(str.maketrans(":@ +()", "------")) + after
    title = f"{table.alias}, {table.metric}" if table.metric else table.alias
    return Section(anchor, title + after.replace("-", ", recipe ", 1), parts, lead)


def _published(alias: str, claims: Sequence[Claim]) -> list[object]:
    """Return the claims of papers as a table of its own, what contradicts what, and where it was read."""
    names = ("Method, and who quotes it", "HTER %", "AUC", "Threshold", "Checkpoint selected by")
    rows = []
    for claim in claims:
        rate = percent(claim.hter, "not given", sd=claim.hter_sd, unit="")
        cells = (claim.name, rate, ratio(claim.auc, "not given", sd=claim.auc_sd), claim.threshold, claim.selection)
        rows.append(Row(cells, "muted"))
    columns = [Column(name, numeric=place in (1, 2)) for place, name in enumerate(names)]
    parts: list[object] = [Table(f"Published on {alias}", columns, rows, OWN_DATA.removesuffix(":") + ".")]
    apart = [f"{words}." for words in disagreements(claims)]
    parts += [Notice("Claims that contradict each other", apart, "mixed")] if apart else []
    return [*parts, Paragraph(RECIPES), *(Paragraph(f"{source}.") for source in sources_of(claims))]


def _cells(cells: Sequence[str]) -> list[object]:
    return [Absent("not given") if cell in ("", "-") else on_two_lines(cell, " at ") for cell in cells]


def _bold(cell: object) -> Markup:
    return Markup("<strong>{}</strong>").format(cell)
