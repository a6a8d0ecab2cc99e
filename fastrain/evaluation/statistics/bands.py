"""A band around a ROC curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastrain.evaluation.samples import Samples
from fastrain.evaluation.statistics.clusters import Clusters
from fastrain.evaluation.statistics.interval import LEVEL
from fastrain.evaluation.statistics.weighted import ScoreOrder, Weighted

RESAMPLES = 1000
GRID = np.unique(np.concatenate([np.linspace(0, 1, 51), np.geomspace(0.001, 0.1, 21)]))


@dataclass(frozen=True)
class Band:
    """For each share of attacks accepted, `fpr`: the interval of the share of bona fide accepted."""

    fpr: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def roc_band(samples: Samples, clusters: Clusters, *, resamples: int = RESAMPLES, seed: int = 0) -> Band | None:
    """Return the pointwise percentile band of the ROC curve over resampled people; None when a class is missing."""
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
    return Band(GRID, low, high)
