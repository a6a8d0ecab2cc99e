"""Say in one sentence what a comparison comes to, as far as its tests tell, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence

from fasdata.page.parts import Answer, Kind
from fasdata.page.spelling import metric
from fastrain.compare.comparison import Cell, Line, ProtocolTable
from fastrain.compare.pairwise import better_of
from fastrain.evaluation.statistics.clusters import FEW

_FIRST = (1, 0)  # columns by which a table is answered: the deployable HTER, else the AUC
_MORE = "test on more people; 'fastrain plan-test' says how many a claim takes, and more seeds narrow what seeds vary."


def comparison_answer(tables: Sequence[ProtocolTable]) -> Answer:
    """Return the answer of one table, or of several: in how many of them a system beats the baseline.

    A system is called better only where its test against the baseline, corrected for all tests of the table, says so.
    """
    answers = [table_answer(table) for table in tables]
    if len(answers) == 1:
        sentence, step, kind = answers[0]
        return Answer(sentence, step, (), kind)
    better = [table.alias for table, (_, _, kind) in zip(tables, answers, strict=True) if kind == "good"]
    where = f"in {len(better)} of {len(tables)} protocols" + (f" ({', '.join(better)})" if better else "")
    step = "see the tables of these protocols, and the single runs: fastrain report RUN." if better else _MORE
    title = f"A system is distinguishably better than the baseline {where}."
    return Answer(title, step, [sentence for sentence, _, _ in answers], "good" if better else "mixed")


def table_answer(table: ProtocolTable) -> tuple[str, str, Kind]:
    """Return the sentence on a table, the next step, and its kind: `good` where a system beats the baseline."""
    column = next((at for at in _FIRST if any(line.cells[at].value is not None for line in table.lines)), None)
    if column is None:
        return f"On {table.alias} no number is defined for any system.", "score clips of both labels.", "bad"
    lines = [line for line in table.lines if line.cells[column].value is not None]
    base = next((line for line in lines if line.system.name == table.baseline), None)
    title, name, _ = table.columns[column]
    best = lines[better_of([line.cells[column].value or 0.0 for line in lines], name)]
    shown = f"{title}: {_shown(best, name, column)}"
    if len(table.lines) < 2 or base is None:
        return (
            f"On {table.alias} nothing is compared; {shown}.",
            "add the baseline: fastrain compare RUN BASELINE.",
            "plain",
        )
    apart = [line for line in lines if _distinguishable(line.cells[column])]
    winners = [line for line in apart if line.cells[column].mark.startswith("▲")]
    against = _shown(base, name, column)
    if winners:
        leading = winners[better_of([line.cells[column].value or 0.0 for line in winners], name)]
        sentence = (
            f"On {table.alias} {leading.system.name} is distinguishably better than {table.baseline}, the baseline; "
            f"{title}: {_shown(leading, name, column)} against {against}."
        )
        return sentence, "see where it errs, fastrain report RUN, and whether it holds on other protocols.", "good"
    if apart:
        sentence = (
            f"On {table.alias} none is better than {table.baseline}, the baseline, and "
            f"{' and '.join(line.system.name for line in apart)} distinguishably worse; {title}: {against}."
        )
        return sentence, "keep the baseline, or see under Training of the worse ones what went wrong.", "mixed"
    other = "" if best is base else f", {against}"
    sentence = f"On {table.alias} no system is distinguishable from {table.baseline}, the baseline; {shown}{other}."
    verdicts = [line.cells[column].verdict for line in lines]
    if not any(verdict and verdict.enough for verdict in verdicts):
        return sentence, f"test on {FEW} people or more: with fewer nothing is marked.", "mixed"
    return sentence, _MORE, "mixed"


def _distinguishable(cell: Cell) -> bool:
    return cell.verdict is not None and cell.verdict.distinguishable


def _shown(line: Line, name: str, column: int) -> str:
    cell = line.cells[column]
    ends = (cell.interval.low, cell.interval.high) if cell.interval else None
    return f"{line.system.name} {metric(name, cell.value, ends=ends)}"
