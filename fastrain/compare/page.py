"""Show a comparison as a self-contained page."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from fasdata.page.page import Page, Section
from fasdata.page.parts import Column, Notice, Paragraph, Row, Table
from fasdata.page.spelling import Absent, on_two_lines, percent, ratio
from fastrain.claims.published import RECIPES, Claim, disagreements, sources_of
from fastrain.compare.comparison import ProtocolTable
from fastrain.compare.text import LEADING, OUTSIDE, OWN_DATA, best_of, head_of, note, row_of


def page(tables: Sequence[ProtocolTable], published: Sequence[Claim], warning: str = "") -> str:
    """Return the HTML of a comparison, one section a protocol; it needs no network and no script."""
    sections = [
        _section(table, [result for result in published if result.protocol == table.protocol]) for table in tables
    ]
    if warning:
        notice = Notice(
            "Runs of different data", [warning, "Differences between these rows may come from the data."], "bad"
        )
        sections.insert(0, Section("warning", "Read this first", [notice]))
    names = list(dict.fromkeys(line.system.name for table in tables for line in table.lines))
    facts = [("Systems", ", ".join(names)), ("Protocols", ", ".join(table.alias for table in tables))]
    return Page(f"Comparison of {len(names)} systems", sections, facts, "Written by fastrain compare.").html()


def _section(table: ProtocolTable, published: Sequence[Claim]) -> Section:
    head = head_of(table)
    order = (0, *range(len(LEADING), len(head)), *range(1, len(LEADING)))  # the numbers first: of a narrow window
    columns = [Column(head[place], numeric=place >= len(LEADING)) for place in order]
    rows = []
    for line in table.lines:
        cells = list(zip(_cells(row_of(line, table)), best_of(line), strict=True))
        rows.append(Row([_bold(cell) if best else cell for cell, best in (cells[place] for place in order)]))
    parts: list[object] = [Table(f"{table.alias}, target at clip level", columns, rows, note(table, "html"))]
    parts += [Paragraph(f"{sentence}.") for sentence in table.tests]
    if table.notes:
        parts.append(Notice(OUTSIDE, [f"{note}." for note in table.notes], "mixed"))
    parts += _published(table.alias, published) if published else []
    lead = f"{table.protocol}: {table.people}; {table.resamples} resamples."
    return Section(table.protocol.translate(str.maketrans(":@ ", "---")), table.alias, parts, lead)


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
