"""A comparison as a self-contained page."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from fasdata.page.page import Page, Section
from fasdata.page.parts import Column, Notice, Paragraph, Row, Table
from fasdata.page.spelling import Absent
from fastrain.compare.comparison import COLUMNS, ProtocolTable
from fastrain.compare.published import PublishedResult
from fastrain.compare.text import HEAD, NOTE, published_row, row_of


def page(tables: Sequence[ProtocolTable], published: Sequence[PublishedResult], warning: str = "") -> str:
    """Return the HTML of a comparison, one section a protocol; it needs no network and no script."""
    sections = [_section(table, [one for one in published if one.protocol == table.protocol]) for table in tables]
    if warning:
        notice = Notice(
            "Not of the same data", [warning, "Differences between these rows may come from the data."], "bad"
        )
        sections.insert(0, Section("warning", "Read this first", [notice]))
    names = list(dict.fromkeys(line.system.name for table in tables for line in table.lines))
    facts = [("Systems", ", ".join(names)), ("Protocols", ", ".join(table.alias for table in tables))]
    return Page(f"Comparison of {len(names)} systems", sections, facts, "Written by fastrain compare.").html()


def _section(table: ProtocolTable, published: Sequence[PublishedResult]) -> Section:
    columns = [Column(title, numeric=place >= len(HEAD) - len(COLUMNS)) for place, title in enumerate(HEAD)]
    rows = [
        Row(_cells(row_of(line.system.name, line)), "strong" if line.system.name == table.baseline else "")
        for line in table.lines
    ]
    rows += [Row(_cells(published_row(one)), "muted") for one in published]
    parts: list[object] = [
        Table(f"{table.alias}, target at clip level", columns, rows, NOTE.format(baseline=table.baseline))
    ]
    parts += [Paragraph(f"{one}.") for one in table.tests]
    if published:
        sources = dict.fromkeys(f"{one.paper} ({one.source})" for one in published)
        parts.append(Paragraph("Published rows, under their own data and policies: " + "; ".join(sources) + "."))
    lead = f"{table.protocol}: {table.people}; {table.resamples} resamples."
    return Section(table.protocol.replace(":", "-").replace("@", "-"), table.alias, parts, lead)


def _cells(cells: Sequence[str]) -> list[object]:
    return [Absent("not given") if cell in ("", "-") else _on_two_lines(cell) for cell in cells]


def _on_two_lines(cell: str) -> object:
    """Put an interval, or what a published number is at, below the number: a table of six such columns fits then."""
    for mark in (" [", " at "):
        number, found, rest = cell.partition(mark)
        if found:
            return Markup("{}<br>{}").format(number, (mark + rest).strip())
    return cell
