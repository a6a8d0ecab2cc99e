"""Average the metrics of a run over several of its networks, as GAC-FAS reports them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean, pstdev
from typing import Any

from fastrain.config import SOURCE_VAL
from fastrain.evaluation.results import groups_of, judge
from fastrain.evaluation.row_intervals import add_intervals
from fastrain.evaluation.scores import ScoreTable
from fastrain.evaluation.statistics.intervals import RESAMPLES

AT, BEST = "score_at_", "score_best"
_NUMBER = {"thresholds": "value", "metrics": "value", "species": "apcer", "families": "apcer"}
_Row = dict[str, Any]


def run_results(
    table: ScoreTable, *, selection: str, fta: str, resamples: int = RESAMPLES, seed: int = 0, **options: Any
) -> dict[str, Any]:
    """Evaluate a run's scores, columns of further networks included; `options` are further ones of `evaluate`.

    With columns `score_at_<iteration>`, every threshold and rate is the mean over these networks and that of `score`,
    with its interval over people, and its row has `std`, the deviation over the networks (of the population, as GAC-FAS
    reports); `averaged_over` counts them. ROC curves, counts and groups are those of `score`.
    A column `score_best` gives `beside`: the metrics of the network that `source_val` would have chosen.

    Raises:
        UserError: as `evaluate`.
    """
    judged = [judge(network, selection, fta, **options) for network in networks(table)]
    results = judged[-1][0] if len(judged) == 1 else _averaged([of_network for of_network, _ in judged])
    if resamples:
        add_intervals(results, [parts for _, parts in judged], resamples=resamples, seed=seed)
        results |= groups_of(judged[-1][1], results["species_by"])
    if BEST in table.frame.columns:
        best, _ = judge(_scored_by(table, BEST), SOURCE_VAL, fta, **options)
        results["beside"] = {name: best[name] for name in ("selection", "thresholds", "metrics")}
    return results


def networks(table: ScoreTable) -> list[ScoreTable]:
    """Return the scores of each network whose mean a run reports, those of `score` last; most runs have one network."""
    return [*(_scored_by(table, name) for name in table.frame.columns if name.startswith(AT)), table]


def _scored_by(table: ScoreTable, column: str) -> ScoreTable:
    return ScoreTable(table.frame.assign(score=table.frame[column]), f"{table.source}, {column}")


def _averaged(all_results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    last = all_results[-1]
    averaged = {**last, "averaged_over": len(all_results)}
    for block, number in _NUMBER.items():
        rows_by_key = [{_key(row): row for row in results[block]} for results in all_results]
        averaged[block] = [_mean_row(row, [rows.get(_key(row)) for rows in rows_by_key], number) for row in last[block]]
    return averaged


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    names = ("part", "level", "metric", "family", "policy", "threshold_policy")
    return (*(row.get(name) for name in names), str(row.get("species")))


def _mean_row(row: _Row, rows: Sequence[_Row | None], number: str) -> _Row:
    present = [other for other in rows if other is not None]
    values = [other[number] for other in present if other[number] is not None]
    if len(values) < len(rows):
        reason = next((other["reason"] for other in present if other.get("reason")), "not in every network")
        return {**row, number: None, "std": None, "reason": reason}
    return {**row, number: fmean(values), "std": pstdev(values)}
