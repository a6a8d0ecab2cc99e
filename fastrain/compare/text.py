"""Write a comparison as text, Markdown or LaTeX."""

from __future__ import annotations

from collections.abc import Sequence

from fasdata.errors import unknown_name
from fasdata.page.spelling import metric, percent, ratio, stars, text_table
from fastrain.compare.comparison import COLUMNS, Cell, Line, ProtocolTable
from fastrain.compare.published import PublishedResult, sources_of
from fastrain.evaluation.thresholds import SOURCE_EER

OWN_DATA = "Rows with a paper in brackets are published numbers, on that paper's own data and policies:"
_SOURCE = {"text": "", "md": "- ", "latex": "% "}  # how a line on the sources begins in each form
NOT_STATED = "not stated"
OUTSIDE = "Scores from outside"
FORMS = ("text", "md", "latex")
HEAD = ("Method", "Seeds", "Checkpoint", *(title for title, _, _ in COLUMNS))
NOTE = (
    "Clip level; a clip without a usable face counts as rejected. In brackets: 95 % interval, people resampled; "
    "± deviation over seeds. * p < 0.05, ** p < 0.01 against {baseline} (paired bootstrap, not corrected for the "
    f"number of comparisons). {SOURCE_EER.name} is fixed on held-out source subjects; (oracle) looks at the target's "
    "labels."
)


def rendered(
    tables: Sequence[ProtocolTable], published: Sequence[PublishedResult], form: str, warning: str = ""
) -> str:
    """Return the tables, one a protocol, with the published rows of it below.

    Raises:
        UserError: no form has that name.
    """
    if form not in FORMS:
        raise unknown_name("form of a comparison", form, (*FORMS, "html"))
    warnings = {"text": f"WARNING: {warning}", "md": f"**{warning}**", "latex": f"% {warning}"}
    parts = [warnings[form]] if warning else []
    for table in tables:
        rows = [row_of(line) for line in table.lines]
        quoted = [result for result in published if result.protocol == table.protocol]
        published_rows = [published_row(result) for result in quoted]
        parts.append({"text": _text, "md": _markdown, "latex": _latex}[form](table, rows, published_rows))
        if quoted:
            lead = {"text": OWN_DATA, "md": f"{OWN_DATA}\n", "latex": f"% {OWN_DATA}"}[form]
            parts.append("\n".join([lead, *(_SOURCE[form] + source for source in sources_of(quoted))]))
    return "\n\n".join(parts)


def row_of(line: Line) -> list[str]:
    """Return the cells of a system's row."""
    if line.system.about.contestant is not None:
        seeds, policy = NOT_STATED, line.system.about.selection.policy or NOT_STATED
    else:
        seeds = ", ".join(str(run.about.seed) for run in line.system.runs)
        policy = str(line.system.about.selection.policy)
    cells = (cell_text(cell, name) for cell, (_, name, _) in zip(line.cells, COLUMNS, strict=True))
    return [line.system.name, seeds, policy, *cells]


def cell_text(cell: Cell, name: str) -> str:
    """Return a metric as it is printed: AUC as a share, rates in percent, with deviation, interval and stars."""
    ends, rule = ((cell.interval.low, cell.interval.high), cell.interval.rule) if cell.interval else (None, "")
    return f"{metric(name, cell.value, sd=cell.sd, ends=ends, unit='', rule=rule)} {stars(cell.p)}".rstrip()


def published_row(result: PublishedResult) -> list[str]:
    """Return a published result as a row: its HTER under the policy of its paper, no other HTER."""
    oracle = f"{percent(result.hter, sd=result.hter_sd, unit='')} at {result.threshold}"
    return [result.name, "", result.selection, str(ratio(result.auc, sd=result.auc_sd)), "-", oracle, "-"]


def _text(table: ProtocolTable, rows: list[list[str]], quoted: list[list[str]]) -> str:
    lines = text_table(HEAD, [*rows, *quoted], indent="")
    title = f"{_named(table)}; {table.people}; {table.resamples} resamples"
    outside = [f"{OUTSIDE}: {note}" for note in table.notes]
    return "\n".join([title, *lines, NOTE.format(baseline=table.baseline), *table.tests, *outside])


def _markdown(table: ProtocolTable, rows: list[list[str]], quoted: list[list[str]]) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("*", "\\*") for cell in cells) + " |"

    name = table.alias if table.alias == table.protocol else f"{table.alias} (`{table.protocol}`)"
    head = [f"### {name}", "", line(HEAD), "|" + "---|" * len(HEAD)]
    return "\n".join([*head, *map(line, rows), *map(line, quoted), "", _foot(table).replace("*", "\\*")])


def _latex(table: ProtocolTable, rows: list[list[str]], quoted: list[list[str]]) -> str:
    def line(cells: Sequence[str]) -> str:
        return " & ".join(map(_escaped, cells)) + r" \\"

    body = [*map(line, rows), *([r"\midrule", *map(line, quoted)] if quoted else [])]
    return "\n".join(
        [
            r"\begin{tabular}{lll" + "r" * len(COLUMNS) + "}",
            r"\toprule",
            line(HEAD),
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            f"% {_named(table)}. {_foot(table)}",
        ]
    )


def _named(table: ProtocolTable) -> str:
    return table.alias if table.alias == table.protocol else f"{table.alias} ({table.protocol})"


def _foot(table: ProtocolTable) -> str:
    note = NOTE.format(baseline=table.baseline)
    sentences = [*table.tests, *(f"{OUTSIDE}: {words}" for words in table.notes)]
    return f"{table.people}; {table.resamples} resamples. {note}" + "".join(f" {sentence}." for sentence in sentences)


def _escaped(text: str) -> str:
    special = {
        **{letter: f"\\{letter}" for letter in "%_&#${}"},
        **{"±": r"$\pm$", "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    }
    return "".join(special.get(letter, letter) for letter in text)
