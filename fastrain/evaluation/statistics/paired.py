"""Test whether two systems on the same presentations differ by more than chance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fasdata.errors import UserError
from fastrain.evaluation.scores import Samples
from fastrain.evaluation.statistics.clusters import Clusters
from fastrain.evaluation.statistics.intervals import RESAMPLES, interval_of, resampled
from fastrain.evaluation.statistics.proportions import LEVEL, Interval
from fastrain.evaluation.statistics.weighted import Measure


@dataclass(frozen=True)
class Difference:
    """First system minus second: its interval over the resamples, and the two-sided bootstrap p-value."""

    interval: Interval
    p: float


def paired_bootstrap(
    first: tuple[Samples, Mapping[str, Measure]],
    second: tuple[Samples, Mapping[str, Measure]],
    clusters: Clusters,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
) -> dict[str, Difference]:
    """Compare measures of one name on the same resamples of people.

    Each system brings its samples, in one order, and its measures (a threshold of its own inside). p is twice the
    smaller share of resamples on one side of zero, one resample being granted to chance; 1 at most.

    Raises:
        UserError: the samples are not the same presentations.
    """
    if len(first[0].labels) != len(second[0].labels) or (first[0].labels != second[0].labels).any():
        raise UserError("two systems can only be compared on the same presentations", expected="one order, same labels")
    values = [
        resampled(samples, clusters, measures, resamples=resamples, seed=seed) for samples, measures in (first, second)
    ]
    return {name: difference_of(values[0][name] - values[1][name], level) for name in values[0] if name in values[1]}


def difference_of(values: NDArray[np.float64], level: float = LEVEL) -> Difference:
    """Return the interval and p-value of resampled differences; NaN where there are none."""
    if not values.size:
        return Difference(interval_of(values), np.nan)
    below, above = int((values <= 0).sum()), int((values >= 0).sum())
    return Difference(interval_of(values, level), min(1.0, 2 * (min(below, above) + 1) / (values.size + 1)))


def mcnemar(right_first: NDArray[np.bool_], right_second: NDArray[np.bool_]) -> float:
    """Return the exact two-sided p-value of McNemar's test (1947) on paired decisions: which system is right where.

    Presentations are taken as independent, which those of one person are not. 1 when the systems never disagree.
    """
    from scipy.stats import binomtest

    only_first, only_second = int((right_first & ~right_second).sum()), int((~right_first & right_second).sum())
    disagreed = only_first + only_second
    return float(binomtest(only_first, disagreed, 0.5).pvalue) if disagreed else 1.0


def delong(first: NDArray[np.float64], second: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Return the two-sided p-value that two AUCs on the same presentations are equal (DeLong et al. 1988).

    Presentations are taken as independent. NaN if a class has fewer than two samples; 1 for equal scores.
    """
    from scipy.stats import norm

    live, spoof = labels == 1, labels == 0
    m, n = int(live.sum()), int(spoof.sum())
    if m < 2 or n < 2:
        return float("nan")
    # Of each sample, the share of the other class that it beats (Sun and Xu 2014: by midranks).
    of_live = np.stack([_placements(scores[live], scores[spoof]) for scores in (first, second)])
    of_spoof = np.stack([_placements(-scores[spoof], -scores[live]) for scores in (first, second)])
    covariance = np.cov(of_live) / m + np.cov(of_spoof) / n
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    gap = of_live[0].mean() - of_live[1].mean()
    if variance <= 0:
        return 1.0 if gap == 0 else 0.0
    return float(2 * norm.sf(abs(gap) / np.sqrt(variance)))


def _placements(scores: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return, for each score, the share of `others` below it, ties counting half."""
    ordered = np.sort(others)
    below, up_to = np.searchsorted(ordered, scores, side="left"), np.searchsorted(ordered, scores, side="right")
    return (below + up_to) / (2 * ordered.size)
