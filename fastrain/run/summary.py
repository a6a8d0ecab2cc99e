"""What a run prints when it has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fasdata.page.spelling import metric, reasoned, score
from fastrain.evaluation.thresholds import SOURCE_EER, TARGET_EER
from fastrain.rundir import ResultFacts, RunFacts, other_views_learned
from fastrain.rundir.result_facts import MetricRow, ThresholdRow

PARTS = {"val": "held-out source", "test": "target"}
_RATES = (
    ("AUC", "auc", None),
    ("EER", "eer", None),
    (f"HTER at {SOURCE_EER.name}", "hter", SOURCE_EER.name),
    (f"HTER at {TARGET_EER.name}", "hter", TARGET_EER.name),
)


def summary(run: RunFacts, results: ResultFacts) -> str:
    """Return protocol, recipe, selection, thresholds and the main error rates, as lines of plain text."""
    seed = "from outside" if run.contestant else f"seed {run.seed}"
    lines = [
        "",
        f"{run.method} on {run.protocol}, recipe {run.recipe_text}, {seed}"
        + (", CONTROL: training labels shuffled" if run.shuffle_labels else ""),
        *(f"DATA CHANGED  {change}" for change in run.changed_data),
        *(f"VIEWS CHANGED {note}" for note in [other_views_learned(run)] if note),
        f"checkpoint  {_selected(run, results)}",
        "thresholds  "
        + ", ".join(f"{row.policy} {_value(row)}" for row in results.thresholds if row.level == "clip")
        + " (clip level)",
        "",
        *_aligned([["scores of", "level", *(title for title, _, _ in _RATES)], *_all_rows(results)]),
    ]
    beside = results.beside
    if beside:
        rows = _rows(beside.metrics, levels=("clip",))
        lines += ["", f"beside: the best by {beside.selection}", *_aligned(rows)]
    return "\n".join(lines)


def _selected(run: RunFacts, results: ResultFacts) -> str:
    """Return which checkpoint was scored, and who chose it."""
    if run.contestant:
        return "as its files are; how it was trained and selected is not known"
    chosen, over = run.selection, results.averaged_over
    by = f" by clip {chosen.metric}" if chosen.metric else ""
    mean = f"; rates are means over {over} iterations ± their deviation" if over else ""
    return f"selected by {chosen.policy}{by}: iteration {chosen.iteration}{mean}"


def _all_rows(results: ResultFacts) -> list[list[str]]:
    """Return the rows of both parts; where there are several targets, their mean's and then each one's of clips."""
    if not results.targets:
        return _rows(results.metrics)
    parts = {**PARTS, "test": f"mean of {len(results.targets)} targets"}
    each = [
        row for name, of in results.targets.items() for row in _rows(of.metrics, ("clip",), {"test": f"target {name}"})
    ]
    return [*_rows(results.metrics, parts=parts), *each]


def _rows(
    metrics: Sequence[MetricRow], levels: Sequence[str] = ("clip", "frame"), parts: Mapping[str, str] = PARTS
) -> list[list[str]]:
    rows = []
    for part, words in parts.items():
        for level in levels:
            matching = [row for row in metrics if row.part == part and row.level == level]
            if matching:
                rows.append([words, level, *(_cell(matching, name, policy) for _, name, policy in _RATES)])
    return rows


def _cell(rows: Sequence[MetricRow], name: str, policy: str | None) -> str:
    for row in rows:
        if row.metric == name and policy in (None, row.threshold_policy):
            return str(metric(name, row.value, sd=row.std))
    return "-"


def _value(row: ThresholdRow) -> str:
    return reasoned(score(row.value, row.reason or "undefined"))


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    ways = [str.ljust, str.ljust, *[str.rjust] * len(_RATES)]  # words, then numbers
    return ["  ".join(way(cell, width) for way, cell, width in zip(ways, row, widths, strict=True)) for row in rows]
