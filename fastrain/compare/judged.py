"""Judge a system on the target of a protocol: each column of the table, of every network, with its interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastrain.compare.pairing import LinedUp, target_of
from fastrain.compare.system import System
from fastrain.evaluation.averaged import networks
from fastrain.evaluation.measures import measured
from fastrain.evaluation.scores import Samples, ScoreTable
from fastrain.evaluation.statistics.intervals import resampled
from fastrain.evaluation.statistics.proportions import Interval, with_seeds
from fastrain.evaluation.thresholds import SOURCE_EER, TARGET_EER, ThresholdPolicy, held_out_threshold

# What a table shows: title, metric, threshold policy. The deployable HTER first, then the one that papers print.
COLUMNS: tuple[tuple[str, str, ThresholdPolicy | None], ...] = (
    ("AUC", "auc", None),
    (f"HTER at {SOURCE_EER.name}", "hter", SOURCE_EER),
    (f"HTER at {TARGET_EER.name}", "hter", TARGET_EER),
    ("BPCER20 (oracle)", "bpcer20", None),
)


@dataclass(frozen=True)
class Judged:
    """Of each column: the value of every run, the mean over the runs in every resample, and its interval.

    `networks` has the samples and the threshold of every network of every run. Where a run reports the mean over
    several of its networks, its value is that mean. An interval, over people and seeds, is None where the number is
    undefined.
    """

    by_run: list[NDArray[np.float64]]
    resampled: list[NDArray[np.float64]]
    networks: list[list[tuple[Samples, float]]]
    intervals: list[Interval | None]

    @classmethod
    def of(cls, system: System, lined_up: LinedUp, resamples: int) -> Judged:
        """Judge the networks of all runs of a system on the clips of the target, lined up where they can be."""
        by_run: list[list[float]] = [[] for _ in COLUMNS]
        drawn: list[list[NDArray[np.float64]]] = [[] for _ in COLUMNS]
        judged: list[list[tuple[Samples, float]]] = [[] for _ in COLUMNS]
        for run in system.runs:
            order, clusters = lined_up.orders.get(run.folder), lined_up.clusters_of(run)
            of_run: list[list[float]] = [[] for _ in COLUMNS]
            for scores in networks(run.scores):
                samples = Samples.of(target_of(scores, run.folder, order), "count")
                measures = {}
                for number, (_, name, policy) in enumerate(COLUMNS):
                    metric, threshold = measured(name), threshold_of(scores, samples, policy)
                    defined = policy is None or not np.isnan(threshold)
                    of_run[number].append(metric.plain(samples, threshold) if defined else np.nan)
                    if defined:
                        measures[str(number)] = metric.at(threshold)
                        judged[number].append((samples, threshold))
                values = resampled(samples, clusters, measures, resamples=resamples, seed=0)
                for number in range(len(COLUMNS)):
                    drawn[number].append(values.get(str(number), np.zeros(0)))
            for number, of_networks in enumerate(of_run):
                by_run[number].append(float(np.mean(of_networks)))
        # Every run of a system has as many networks: the mean over all of them is the mean over runs of their means.
        means = [np.mean(rows, axis=0) if len(set(map(len, rows))) == 1 else np.zeros(0) for rows in drawn]
        values_of = [np.array(column) for column in by_run]
        people = len(clusters.stratum)
        intervals = [
            None
            if np.isnan(values_of[number]).any()
            else with_seeds(measured(name).interval(judged[number], clusters, means[number]), values_of[number], people)
            for number, (_, name, _) in enumerate(COLUMNS)
        ]
        return cls(values_of, means, judged, intervals)


def threshold_of(scores: ScoreTable, target: Samples, policy: ThresholdPolicy | None) -> float:
    """Return the clip-level threshold of `policy`, NaN where there is none."""
    if policy is None:
        return np.nan
    if policy.part != "test":
        return held_out_threshold(scores, policy)
    return np.nan if target.missing else policy.choose(target.scores, target.labels)
