"""Put an interval over people beside every rate of results, of one network or of the mean over several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fasdata.records import LABELS
from fastrain.evaluation.measures import OF_FAMILY, Measured, measured
from fastrain.evaluation.scores import Samples, ScoreTable
from fastrain.evaluation.statistics.clusters import Clusters, affordable
from fastrain.evaluation.statistics.edges import Decided
from fastrain.evaluation.statistics.intervals import resampled
from fastrain.evaluation.statistics.proportions import LEVEL, Interval, proportion_interval

if TYPE_CHECKING:
    import pandas as pd

FRAME_RESAMPLES = 1000  # of frames; there are many more of them than clips, and clips are what is reported
NON_RESPONSE = "non_response_"
_Row = dict[str, Any]


@dataclass(frozen=True)
class JudgedPart:
    """What the rates of a part at a level are of: its rows, the samples that count, each policy's threshold or NaN."""

    part: str
    level: str
    rows: ScoreTable
    samples: Samples
    thresholds: Mapping[str, float]

    @property
    def counted(self) -> pd.DataFrame:
        """Return the rows of the samples that count: without failures to acquire where those are left out."""
        rows = self.rows.frame
        return rows if len(rows) == len(self.samples.labels) else rows[rows["status"] == "ok"]


# By part, level, metric and policy: the values of a rate in resamples of people, of those that are resampled.
Drawn: TypeAlias = dict[tuple[str, str, str, str], NDArray[np.float64]]


def add_intervals(
    results: dict[str, Any], networks: Sequence[Sequence[JudgedPart]], *, resamples: int, seed: int
) -> Drawn:
    """Add `low`, `high` and `rule` to every rate of `results`, the mean over `networks`, and `uncertainty`.

    A person's frames go together as their clips do. The interval is over people, for these very networks: it does not
    say how another training would have ended. Returns the values in resamples that the intervals were made of.
    """
    values: Drawn = {}
    for of_networks in zip(*networks, strict=True):
        first, clusters = of_networks[0], Clusters.of(of_networks[0].counted)
        wanted = resamples if first.level == "clip" else min(resamples, FRAME_RESAMPLES)
        drawn = affordable(wanted, len(networks) * len(first.samples.labels))
        here = {name: _rows(results, name, first) for name in ("metrics", "species", "families")}
        values |= _add_to_metrics(here["metrics"], of_networks, clusters, drawn, seed)
        _add_to_species(here["species"], of_networks, clusters)
        for row in here["families"]:
            if row["apcer"] is not None:
                put_interval(
                    row, OF_FAMILY[row["family"]].interval(_at(of_networks, row["threshold_policy"]), clusters)
                )
        if first.level == "clip":
            _add_to_non_response(here["metrics"], first.rows)
            results["uncertainty"][first.part] = uncertainty_of(clusters, drawn)
    return values


def _rows(results: Mapping[str, Any], table: str, of: JudgedPart) -> list[_Row]:
    return [row for row in results[table] if (row["part"], row["level"]) == (of.part, of.level)]


def _add_to_metrics(
    rows: Sequence[_Row], networks: Sequence[JudgedPart], clusters: Clusters, resamples: int, seed: int
) -> Drawn:
    defined: dict[str, tuple[_Row, Measured, list[tuple[Samples, float]]]] = {}
    for number, row in enumerate(rows):
        if row["value"] is not None and not row["metric"].startswith(NON_RESPONSE):
            defined[str(number)] = row, measured(row["metric"]), _at(networks, row["threshold_policy"])
    drawn = [
        resampled(
            network.samples,
            clusters,
            {key: measure.at(judged[place][1]) for key, (_, measure, judged) in defined.items() if measure.resampled},
            resamples=resamples,
            seed=seed,
        )
        for place, network in enumerate(networks)
    ]
    of_rows: Drawn = {}
    for key, (row, measure, judged) in defined.items():
        values = np.mean([of_network[key] for of_network in drawn], axis=0) if measure.resampled else None
        put_interval(row, measure.interval(judged, clusters, values))
        if values is not None:
            of_rows[row["part"], row["level"], row["metric"], row["threshold_policy"]] = values
    return of_rows


def _add_to_species(rows: Sequence[_Row], networks: Sequence[JudgedPart], clusters: Clusters) -> None:
    by_policy: dict[str, list[_Row]] = {}
    for row in rows:
        if not clusters.unknown:
            row["people"] = int(np.unique(clusters.unit[networks[0].samples.kinds[row["species"]]]).size)
        if row["apcer"] is not None:
            by_policy.setdefault(row["threshold_policy"], []).append(row)
    for policy, of_policy in by_policy.items():
        decided = Decided.at(_at(networks, policy), clusters)
        for row in of_policy:
            put_interval(row, decided.apcer_of(row["species"]))


def _add_to_non_response(rows: Sequence[_Row], clips: ScoreTable) -> None:
    unit, lost = Clusters.of(clips.frame).unit, (clips.frame["status"] == "fta").to_numpy()
    for label in LABELS:
        of_label = (clips.frame["label"] == label).to_numpy()
        for row in rows:
            if row["metric"] == NON_RESPONSE + label:
                put_interval(row, proportion_interval(lost[of_label], unit[of_label]))


def _at(networks: Sequence[JudgedPart], policy: str) -> list[tuple[Samples, float]]:
    """Return the samples of each network with its threshold, NaN where the policy is none of thresholds."""
    return [(network.samples, network.thresholds.get(policy, np.nan)) for network in networks]


def put_interval(row: _Row, interval: Interval) -> None:
    """Put the ends of an interval and its rule into a row; nothing where there are no ends."""
    if not np.isnan(interval.low):
        row.update(low=interval.low, high=interval.high, rule=interval.rule)


def uncertainty_of(clusters: Clusters, resamples: int) -> _Row:
    """Return what the intervals of a part rest on."""
    return {
        "unit": clusters.level,
        "subjects": clusters.subjects,
        "clips_of_unknown_subject": clusters.unknown,
        "note": clusters.note(),
        "coverage": clusters.coverage(),
        "level": LEVEL,
        "resamples": resamples,
    }
