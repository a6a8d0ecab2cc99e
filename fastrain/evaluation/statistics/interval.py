"""Confidence intervals of metrics by resampling people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastrain.evaluation.samples import Samples
from fastrain.evaluation.statistics.clusters import Clusters
from fastrain.evaluation.statistics.weighted import Measure, ScoreOrder, Weighted

RESAMPLES = 10_000
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A metric's percentile interval: its ends, and its standard deviation over the resamples."""

    low: float
    high: float
    sd: float


def intervals(
    samples: Samples,
    clusters: Clusters,
    measures: Mapping[str, Measure],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
) -> dict[str, Interval]:
    """Return the interval of each measure: a cluster bootstrap over `clusters` (Field and Welsh 2007), percentiles.

    A threshold inside a measure stays what it is: how uncertain its choice was is not part of the interval. All NaN
    when a class is missing.
    """
    values = resampled(samples, clusters, measures, resamples=resamples, seed=seed)
    return {name: interval_of(found, level) for name, found in values.items()}


def resampled(
    samples: Samples, clusters: Clusters, measures: Mapping[str, Measure], *, resamples: int, seed: int
) -> dict[str, NDArray[np.float64]]:
    """Return the values of each measure in every resample; the same seed gives the same resamples for any samples."""
    order = ScoreOrder(samples)
    found: dict[str, list[NDArray[np.float64]]] = {name: [] for name in measures}
    for weights in clusters.weights(samples.labels, resamples, seed):
        weighted = Weighted(order, weights)
        for name, measure in measures.items():
            found[name].append(measure(weighted))
    return {name: np.concatenate(parts) if parts else np.zeros(0) for name, parts in found.items()}


def interval_of(values: NDArray[np.float64], level: float = LEVEL) -> Interval:
    """Return the percentile interval of resampled values; NaN where there are none."""
    if not values.size:
        return Interval(np.nan, np.nan, np.nan)
    tail = (1 - level) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return Interval(float(low), float(high), float(values.std(ddof=1)) if values.size > 1 else 0.0)
