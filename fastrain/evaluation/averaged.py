"""Average the metrics of a run over several of its networks, as GAC-FAS reports them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev
from typing import Any

from fastrain.config import SOURCE_VAL
from fastrain.evaluation.results import PARTS, groups_of, judge
from fastrain.evaluation.results_lookup import TEST, VAL
from fastrain.evaluation.row_intervals import Drawn, JudgedPart, add_intervals
from fastrain.evaluation.scores import ScoreTable
from fastrain.evaluation.several_targets import (
    OnTarget,
    mean_over_targets,
    of_parts,
    of_target,
    people_of_all,
    targets_of,
)
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
    Of a protocol that judges each of several targets, `targets` has the results of part test with each target alone, by
    dataset, and what is said of part test else is their mean (`several_targets.mean_over_targets`).

    Raises:
        UserError: as `evaluate`.
    """
    targets = targets_of(table)
    whole = _OfNetworks.judged(table, selection, fta, resamples, seed, (VAL,) if targets else PARTS, options)
    results = whole.results
    if targets:
        alone = {
            target: _OfNetworks.judged(of_target(table, target), selection, fta, resamples, seed, (TEST,), options)
            for target in targets
        }
        results = mean_over_targets(whole.results, {target: of.as_target() for target, of in alone.items()}, seed)
        if resamples:
            results["uncertainty"][TEST] = people_of_all(whole.parts, results["targets"])
    if BEST in table.frame.columns:
        results["beside"] = _beside(table, fta, targets, options)
    return results


@dataclass(frozen=True)
class _OfNetworks:
    """The results of some parts, the mean over networks; those of each network; and what intervals were made of."""

    results: dict[str, Any]
    each: list[dict[str, Any]]
    drawn: Drawn
    parts: list[JudgedPart]

    @classmethod
    def judged(
        cls, table: ScoreTable, selection: str, fta: str, resamples: int, seed: int, parts: Sequence[str],
        options: Mapping[str, Any],
    ) -> _OfNetworks:  # fmt: skip
        of_networks = [judge(network, selection, fta, **options) for network in networks(table)]
        each = [of_parts(results, parts) for results, _ in of_networks]
        results = each[-1] if len(each) == 1 else _averaged(each)
        drawn: Drawn = {}
        if resamples:
            wanted = [[judged for judged in of if judged.part in parts] for _, of in of_networks]
            drawn = add_intervals(results, wanted, resamples=resamples, seed=seed)
            results |= groups_of(of_networks[-1][1], results["species_by"])
        return cls(results, each, drawn, of_networks[-1][1])

    def as_target(self) -> OnTarget:
        return OnTarget(self.results, self.each, self.drawn)


def _beside(table: ScoreTable, fta: str, targets: Sequence[str], options: Mapping[str, Any]) -> dict[str, Any]:
    best = _scored_by(table, BEST)
    results, _ = judge(best, SOURCE_VAL, fta, **options)
    if targets:
        alone = {target: judge(of_target(best, target), SOURCE_VAL, fta, **options)[0] for target in targets}
        on_each = {target: OnTarget(of_parts(of, (TEST,)), [of_parts(of, (TEST,))], {}) for target, of in alone.items()}
        results = mean_over_targets(of_parts(results, (VAL,)), on_each, 0)
    return {name: results[name] for name in ("selection", "thresholds", "metrics")}


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
