"""Resample people: the values of metrics, their percentiles, and bands around ROC curves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastrain.evaluation.scores import Samples
from fastrain.evaluation.statistics.clusters import Clusters
from fastrain.evaluation.statistics.proportions import LEVEL, RESAMPLED, Interval, proportion_interval
from fastrain.evaluation.statistics.weighted import Measure, ScoreOrder, Weighted

RESAMPLES = 10_000


def resampled(
    samples: Samples, clusters: Clusters, measures: Mapping[str, Measure], *, resamples: int, seed: int
) -> dict[str, NDArray[np.float64]]:
    """Return the values of each measure in every resample of people (a cluster bootstrap: Field and Welsh 2007).

    The same seed gives the same resamples for any samples. A threshold inside a measure stays what it is: how uncertain
    its choice was is not part of them. Empty when a class is missing.
    """
    order = ScoreOrder(samples, clusters.unit, resamples)
    chunks: dict[str, list[NDArray[np.float64]]] = {name: [] for name in measures}
    for drawn in _together(clusters.draws(samples.labels, resamples, seed), order.together):
        weighted = Weighted(order, drawn)
        for name, measure in measures.items():
            chunks[name].append(measure(weighted))
    return {name: np.concatenate(parts) if parts else np.zeros(0) for name, parts in chunks.items()}


def _together(parts: Iterable[NDArray[np.int64]], rows: int) -> Iterator[NDArray[np.int64]]:
    """Yield arrays of some rows as arrays of at least `rows`, but for the last."""
    waiting: list[NDArray[np.int64]] = []
    for part in parts:
        waiting.append(part)
        if sum(map(len, waiting)) >= rows:
            yield np.concatenate(waiting)
            waiting = []
    if waiting:
        yield np.concatenate(waiting)


def interval_of(values: NDArray[np.float64], level: float = LEVEL) -> Interval:
    """Return the percentile interval of resampled values; NaN where there are none.

    By itself it has no width where no resample errs: `Measured.interval` is what stands beside a number.
    """
    if not values.size:
        return Interval(np.nan, np.nan, rule=RESAMPLED)
    tail = (1 - level) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return Interval(float(low), float(high), float(values.std(ddof=1)) if values.size > 1 else 0.0, RESAMPLED)


# -- A band around a ROC curve ----------------------------------------------------------------------------------------

BAND_RESAMPLES = 1000
GRID = np.unique(np.concatenate([np.linspace(0, 1, 51), np.geomspace(0.001, 0.1, 21)]))


@dataclass(frozen=True)
class Band:
    """For each share of attacks accepted, `fpr`: the interval of the share of bona fide accepted."""

    fpr: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def roc_band(samples: Samples, clusters: Clusters, *, resamples: int = BAND_RESAMPLES, seed: int = 0) -> Band | None:
    """Return the pointwise percentile band of the ROC curve over resampled people; None when a class is missing.

    It is never narrower than the exact interval of the bona fide accepted; where all are by definition it has no width.
    """
    order = ScoreOrder(samples)
    rows = []
    for weights in clusters.weights(samples.labels, resamples, seed):
        far, frr = Weighted(order, weights).rates()
        for x, y in zip(far, frr, strict=True):  # ascending thresholds: both monotone
            best = np.minimum.accumulate(y[::-1])  # from the highest threshold, where nothing is accepted
            place = np.searchsorted(x[::-1], GRID + 1e-12, side="right") - 1
            rows.append(1 - best[place])
    if not rows:
        return None
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(np.array(rows), [tail, 1 - tail], axis=0)
    exact = [_accepted(samples, clusters, limit) for limit in GRID]
    low = np.minimum(low, [interval.low for interval in exact])
    high = np.maximum(high, [interval.high for interval in exact])
    # Effective sizes differ from point to point; a band around a curve that rises rises too.
    return Band(GRID, np.minimum.accumulate(low[::-1])[::-1], np.maximum.accumulate(high))


def _accepted(samples: Samples, clusters: Clusters, limit: float) -> Interval:
    """Return the interval of the share of bona fide accepted where at most `limit` of the attacks are."""
    live, attacks = samples.labels == 1, np.sort(samples.scores[samples.labels == 0])[::-1]
    allowed = int(np.floor(limit * attacks.size + 1e-9))
    if allowed >= attacks.size:
        return Interval(1.0, 1.0)
    rejected = proportion_interval(samples.scores[live] <= attacks[allowed], clusters.unit[live])
    return Interval(1 - rejected.high, 1 - rejected.low)
