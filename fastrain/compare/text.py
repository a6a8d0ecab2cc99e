"""Write a comparison as text, Markdown or LaTeX."""

from __future__ import annotations

from collections.abc import Sequence

from fasdata.page.spelling import metric, percent, ratio, text_table
from fasdata.page.table_forms import Strong, latex_table, markdown_table
from fasdata.species import DIGITAL
from fastrain.claims.published import RECIPES, Claim, disagreements, sources_of
from fastrain.compare.comparison import Cell, Line, ProtocolTable
from fastrain.compare.judged import COLUMNS
from fastrain.evaluation.measures import OF_FAMILY
from fastrain.evaluation.results_lookup import OUTSIDE_30107
from fastrain.evaluation.statistics.clusters import FEW
from fastrain.evaluation.statistics.proportions import AVERAGED, JOINED, RESAMPLED, TWO_LEVEL, rules_note
from fastrain.evaluation.thresholds import SOURCE_EER

OWN_DATA = "Rows with a paper in brackets are published numbers, on that paper's own data and policies:"
_SOURCE = {"text": "", "md": "- ", "latex": "% "}  # how a line on the sources begins in each form
NOT_STATED = "not stated"
OUTSIDE = "Scores from outside"
FORMS = ("text", "md", "latex")
LEADING = ("Method", "Seeds", "Checkpoint")
NOTE = (
    "Clip level; a clip without a usable face counts as rejected. In brackets: 95 % interval over people with its rule "
    f"({rules_note(JOINED, RESAMPLED, TWO_LEVEL)}); ± deviation over seeds. ▲ better, ▼ worse than {{baseline}}, the "
    "baseline: p < 0.05, doubled: p < 0.01, by exchanging the two for some people, for these very networks, corrected "
    f"for all tests of the table (Holm); with fewer than {FEW} people nothing is marked. {{best}}: distinguishably "
    f"better than every other system. {SOURCE_EER.name} is fixed on held-out source subjects; (oracle) looks at the "
    "target's labels."
)
OF_TARGETS = (
    f" Every target is judged on its own; their mean counts each once, and its interval is over the people of all "
    f"({rules_note(AVERAGED)})."
)
BEST = {"text": "“best”", "md": "Bold", "latex": "Bold", "html": "Bold"}  # how the best cell is set off in each form


def warned(words: str, form: str) -> str:
    """Return what has to be read first, set off."""
    return {"text": f"WARNING: {words}", "md": f"**{words}**", "latex": f"% {words}"}[form]


def rendered(tables: Sequence[ProtocolTable], published: Sequence[Claim], form: str) -> str:
    """Return the tables, one a protocol, with the published rows of it below."""
    parts = []
    for table in (shown for whole in tables for shown in whole.shown):
        rows = [_set_off(row_of(line, table), line, form) for line in table.lines]
        quoted = [result for result in published if result.protocol == table.protocol]
        further = ["-"] * (len(table.columns) - len(COLUMNS))
        published_rows = [[*published_row(result), *further] for result in quoted]
        parts.append({"text": _text, "md": _markdown, "latex": _latex}[form](table, rows, published_rows))
        if quoted:
            lead = {"text": OWN_DATA, "md": f"{OWN_DATA}\n", "latex": f"% {OWN_DATA}"}[form]
            listed = [*sources_of(quoted), *disagreements(quoted), RECIPES]
            parts.append("\n".join([lead, *(_SOURCE[form] + words for words in listed)]))
    return "\n\n".join(parts)


def head_of(table: ProtocolTable) -> tuple[str, ...]:
    """Return the headings of a table."""
    return (*LEADING, *(title for title, _, _ in table.columns))


def row_of(line: Line, table: ProtocolTable) -> list[str]:
    """Return the cells of a system's row; the name of the baseline says that it is."""
    if line.system.about.contestant is not None:
        seeds, policy = NOT_STATED, line.system.about.selection.policy or NOT_STATED
    else:
        seeds = ", ".join(str(run.about.seed) for run in line.system.runs)
        policy = str(line.system.about.selection.policy)
    cells = (cell_text(cell, name) for cell, (_, name, _) in zip(line.cells, table.columns, strict=True))
    name = line.system.name
    return [f"{name} (baseline)" if name == table.baseline else name, seeds, policy, *cells]


def best_of(line: Line) -> list[bool]:
    """Return which cells of a system's row are the best ones."""
    return [False] * len(LEADING) + [cell.best for cell in line.cells]


def _set_off(cells: list[str], line: Line, form: str) -> list[str]:
    if form == "text":
        return [f"{cell} best" if best else cell for cell, best in zip(cells, best_of(line), strict=True)]
    return [Strong(cell) if best else cell for cell, best in zip(cells, best_of(line), strict=True)]


def score_of(title: str, name: str) -> str:
    """Return the title of a number with its unit.

    >>> score_of("HTER at source_eer", "hter"), score_of("AUC", "auc")
    ('HTER at source_eer, %', 'AUC')
    """
    return title if name == "auc" else f"{title}, %"


def cell_text(cell: Cell, name: str) -> str:
    """Return a metric as it is printed: AUC as a share, rates in percent, with deviation, interval and mark."""
    ends, rule = ((cell.interval.low, cell.interval.high), cell.interval.rule) if cell.interval else (None, "")
    return f"{metric(name, cell.value, sd=cell.sd, ends=ends, unit='', rule=rule)} {cell.mark}".rstrip()


def published_row(result: Claim) -> list[str]:
    """Return a published claim as a row: its HTER under the policy of its paper, no other HTER."""
    oracle = (
        f"{percent(result.hter, sd=result.hter_sd, unit='')} at {result.threshold}" if result.hter is not None else "-"
    )
    return [result.name, "", result.selection, str(ratio(result.auc, sd=result.auc_sd)), "-", oracle, "-"]


def _text(table: ProtocolTable, rows: list[list[str]], quoted: list[list[str]]) -> str:
    lines = text_table(head_of(table), [*rows, *quoted], indent="")
    title = f"{_named(table)}; {table.people}; {table.resamples} resamples"
    outside = [f"{OUTSIDE}: {note}" for note in table.notes]
    return "\n".join([title, *lines, note(table, "text"), *table.tests, *outside])


def _markdown(table: ProtocolTable, rows: list[list[str]], quoted: list[list[str]]) -> str:
    name = table.alias if table.alias == table.protocol else f"{table.alias} (`{table.protocol}`)"
    name += f": {table.metric}" if table.metric else ""
    lines = markdown_table(head_of(table), [*rows, *quoted])
    return "\n".join([f"### {name}", "", *lines, "", _foot(table, "md").replace("*", "\\*")])


def _latex(table: ProtocolTable, rows: list[list[str]], quoted: list[list[str]]) -> str:
    lines = latex_table("lll" + "r" * len(table.columns), head_of(table), rows, quoted)
    return "\n".join([*lines, f"% {_named(table)}. {_foot(table, 'latex')} Packages: booktabs, amssymb."])


def _named(table: ProtocolTable) -> str:
    name = table.alias if table.alias == table.protocol else f"{table.alias} ({table.protocol})"
    return name + (f": {table.metric}" if table.metric else "")


def note(table: ProtocolTable, form: str) -> str:
    """Return what stands below a table: what its brackets, marks and bold cells mean."""
    given = ", ".join(dict.fromkeys(policy.name for _, _, policy in table.columns if policy and not policy.part))
    beforehand = f" {given}: given beforehand, the same for all." if given else ""
    digital = f" {OUTSIDE_30107}." if any(OF_FAMILY[DIGITAL].name == name for _, name, _ in table.columns) else ""
    return (
        NOTE.format(baseline=table.baseline, best=BEST[form])
        + beforehand
        + digital
        + (OF_TARGETS if table.metric else "")
    )


def _foot(table: ProtocolTable, form: str) -> str:
    sentences = [*table.tests, *(f"{OUTSIDE}: {words}" for words in table.notes)]
    return f"{table.people}; {table.resamples} resamples. {note(table, form)}" + "".join(
        f" {sentence}." for sentence in sentences
    )
