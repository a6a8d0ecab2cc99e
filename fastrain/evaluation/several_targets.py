"""Judge one network on each of several targets, and average over them: the results of a one-to-many protocol.

Each target is judged as if it were the only one, at thresholds of the same held-out sources. The people of different
datasets are different people, so the mean over targets has an interval of its own: in each resample of people, drawn
inside every dataset, the mean is computed anew; rates at a given threshold need no resampling, and their intervals are
joined (`statistics.proportions.mean_of_many`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import pstdev
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasdata.protocols.protocol_name import judges_each
from fastrain.evaluation.results_lookup import LEVELS, TEST
from fastrain.evaluation.row_intervals import Drawn, JudgedPart, put_interval, uncertainty_of
from fastrain.evaluation.scores import ScoreOrigin, ScoreTable
from fastrain.evaluation.statistics.clusters import Clusters
from fastrain.evaluation.statistics.intervals import interval_of
from fastrain.evaluation.statistics.proportions import Interval, mean_of_many

EACH = "each target has its own"
_Row = dict[str, Any]


def targets_of(table: ScoreTable) -> tuple[str, ...]:
    """Return the datasets that are judged one by one, in order of first appearance; none of most protocols.

    The protocol that the table names says whether its targets are.
    """
    if not judges_each(ScoreOrigin.of(table).protocol):
        return ()
    datasets = tuple(dict.fromkeys(table.frame["dataset"][table.frame["part"] == TEST]))
    return datasets if len(datasets) > 1 else ()


def of_target(table: ScoreTable, target: str) -> ScoreTable:
    """Return the table with one of its targets alone; other parts stay."""
    rows = table.frame[(table.frame["part"] != TEST) | (table.frame["dataset"] == target)]
    return ScoreTable(rows.reset_index(drop=True), table.source)


def of_parts(results: Mapping[str, Any], parts: Sequence[str]) -> dict[str, Any]:
    """Return what results say of some parts; thresholds stay."""
    rows = {name: [row for row in results[name] if row["part"] in parts] for name in _BY_PART}
    curves = {name: curve for name, curve in results["roc"].items() if name.partition("/")[0] in parts}
    return {**results, **rows, "roc": curves, "uncertainty": {}}


_BY_PART = ("metrics", "species", "families", "counts")


@dataclass(frozen=True)
class OnTarget:
    """The results of part test with one target alone, those of each network, and what intervals were made of."""

    results: Mapping[str, Any]
    networks: Sequence[Mapping[str, Any]]
    drawn: Drawn


def mean_over_targets(sources: Mapping[str, Any], targets: Mapping[str, OnTarget], seed: int) -> dict[str, Any]:
    """Return the results of several targets: `sources`, which are those of part val, and of part test the mean.

    Every metric is the mean over the targets, with an interval over the people of all. What has no mean (ROC curves,
    species, thresholds that look at a target) is that of each target alone, in `targets`.
    """
    blocks = {target: of.results for target, of in targets.items()}
    return {
        **sources,
        "thresholds": _shared([block["thresholds"] for block in blocks.values()]),
        "metrics": [*sources["metrics"], *_means(targets, seed)],
        "counts": [*sources["counts"], *(row for block in blocks.values() for row in block["counts"])],
        "roc": {**sources["roc"], **{f"{TEST}/{level}": {"fpr": [], "tpr": [], "reason": EACH} for level in LEVELS}},
        "targets": blocks,
    }


def people_of_all(judged: Sequence[JudgedPart], blocks: Mapping[str, Mapping[str, Any]]) -> _Row:
    """Return what the intervals of a mean over targets rest on: the people of all of them."""
    clips = next(of for of in judged if (of.part, of.level) == (TEST, "clip"))
    drawn = min(block["uncertainty"][TEST]["resamples"] for block in blocks.values())
    about = uncertainty_of(Clusters.of(clips.counted), drawn)
    return {**about, "note": f"{about['note']} of {len(blocks)} targets"}


def _shared(rows_of_targets: Sequence[Sequence[_Row]]) -> list[_Row]:
    """Return the rows of thresholds: those of the sources are the same for all targets, others are each target's."""
    rows = []
    for same in zip(*rows_of_targets, strict=True):
        own = {**{key: same[0][key] for key in ("level", "policy", "from_part")}, "value": None, "reason": EACH}
        rows.append(same[0] if all(row == same[0] for row in same) else own)
    return rows


def _means(targets: Mapping[str, OnTarget], seed: int) -> list[_Row]:
    """Return the mean of each metric over targets; a mean that lacks a target is none."""
    rows = []
    for place, same in enumerate(zip(*(of.results["metrics"] for of in targets.values()), strict=True)):
        row = {key: same[0][key] for key in ("part", "level", "metric", "threshold_policy")}
        missing = next((pair for pair in zip(targets, same, strict=True) if pair[1]["value"] is None), None)
        if missing:
            rows.append({**row, "value": None, "reason": f"{missing[0]}: {missing[1].get('reason', 'undefined')}"})
            continue
        values = [float(of["value"]) for of in same]
        row["value"] = float(np.mean(values))
        if "std" in same[0]:  # the deviation over networks of what each has on average
            each = zip(*(of.networks for of in targets.values()), strict=True)
            row["std"] = pstdev([float(np.mean([of["metrics"][place]["value"] for of in network])) for network in each])
        if all("low" in of for of in same):
            key = row["part"], row["level"], row["metric"], row["threshold_policy"]
            drawn = [of.drawn[key] for of in targets.values() if key in of.drawn]
            put_interval(row, _interval(values, same, drawn, seed))
        rows.append(row)
    return rows


def _interval(
    values: Sequence[float], rows: Sequence[_Row], drawn: Sequence[NDArray[np.float64]], seed: int
) -> Interval:
    """Return the interval of a mean: joined, and where the metric is resampled that of the mean in each resample."""
    ends = [Interval(row["low"], row["high"]) for row in rows]
    joined = mean_of_many(list(zip(values, ends, strict=True)), range(len(ends)))  # each target has its own people
    if len(drawn) < len(rows) or not all(len(of_target) for of_target in drawn):
        return joined
    of_mean = interval_of(mean_of_resamples(drawn, seed))
    return replace(of_mean, low=min(of_mean.low, joined.low), high=max(of_mean.high, joined.high))


def mean_of_resamples(drawn: Sequence[NDArray[np.float64]], seed: int) -> NDArray[np.float64]:
    """Return the mean over targets in each resample, from the values of each target in resamples of its own people.

    Each target's resamples were drawn alike, so their order is shuffled: people of different datasets are independent.
    """
    rng = np.random.default_rng([seed, len(drawn)])
    number = min(map(len, drawn))
    return np.asarray(np.mean([rng.permutation(of_target)[:number] for of_target in drawn], axis=0))
