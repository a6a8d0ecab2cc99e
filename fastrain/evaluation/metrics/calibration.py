"""Measure whether scores are calibrated: log-likelihood-ratio cost and reliability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fasdata.errors import UserError
from fastrain.evaluation.metrics.counts import ClassScores

_EDGE = 1e-12  # a probability of exactly 0 or 1 would cost infinitely much


def cllr(probabilities: ArrayLike, labels: ArrayLike) -> float:
    """Return the cost of log-likelihood ratios in bits (Bruemmer and du Preez 2006), for probabilities of bona fide.

    The log odds are taken as log-likelihood ratios, that is, as made with equal priors. 0 = perfect, 1 = no
    information; NaN if a class is missing. Samples without a score (-inf, failures to acquire) are left out: they were
    not judged.

    Raises:
        UserError: as `ClassScores.of`, or a score lies outside [0, 1].
    """
    classes = ClassScores.of(*_judged(probabilities, labels))
    if classes.missing:
        return float("nan")
    return float(_bits(-_odds(classes.bonafide)).mean() + _bits(_odds(classes.attack)).mean()) / 2


def min_cllr(scores: ArrayLike, labels: ArrayLike) -> float:
    """Return the Cllr after the best monotone recalibration (pool adjacent violators): the loss of order alone.

    NaN if a class is missing. Any real scores will do.

    Raises:
        UserError: as `ClassScores.of`.
    """
    from scipy.optimize import isotonic_regression

    values, truth = np.asarray(scores, np.float64), np.asarray(labels)
    if ClassScores.of(values, truth).missing:
        return float("nan")
    kept = np.isfinite(values)
    values, truth = values[kept], truth[kept]
    live, spoof = int((truth == 1).sum()), int((truth == 0).sum())
    if not live or not spoof:
        return float("nan")
    prior = np.where(truth == 1, 1 / live, 1 / spoof)  # equal weight of the classes
    place = np.unique(values, return_inverse=True)[1]
    weights = np.bincount(place, prior)
    share = np.bincount(place, prior * truth) / weights
    fitted = isotonic_regression(share, weights=weights).x
    return cllr(np.clip(fitted, 0, 1)[place], truth)


@dataclass(frozen=True)
class Reliability:
    """Bins of predicted probability: mean prediction, observed share of bona fide, and samples of each; no empty one.

    `error` is the expected calibration error: the mean of |prediction - share|, weighted by samples.
    """

    predicted: NDArray[np.float64]
    observed: NDArray[np.float64]
    samples: NDArray[np.int64]
    error: float


def reliability(probabilities: ArrayLike, labels: ArrayLike, bins: int = 10) -> Reliability:
    """Return the reliability diagram in `bins` even steps of [0, 1].

    Raises:
        UserError: as `cllr`.
    """
    values, truth = _judged(probabilities, labels)
    ClassScores.of(values, truth)
    place = np.minimum((values * bins).astype(int), bins - 1)
    count = np.bincount(place, minlength=bins)
    there = count > 0
    predicted = np.bincount(place, values, bins)[there] / count[there]
    observed = np.bincount(place, truth, bins)[there] / count[there]
    gaps = np.abs(predicted - observed)
    error = float(np.average(gaps, weights=count[there])) if there.any() else float("nan")
    return Reliability(predicted, observed, count[there], error)


def _judged(probabilities: ArrayLike, labels: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    values, truth = np.asarray(probabilities, np.float64), np.asarray(labels)
    kept = ~np.isneginf(values)
    values, truth = values[kept], truth[kept]
    if ((values < 0) | (values > 1)).any():
        odd = values[(values < 0) | (values > 1)][0]
        raise UserError("calibration needs probabilities", expected="scores from 0 to 1", found=f"{odd:g}")
    return values, truth


def _odds(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    inside = np.clip(probabilities, _EDGE, 1 - _EDGE)
    return np.log(inside) - np.log1p(-inside)


def _bits(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log2(1 + e^x)."""
    return np.asarray(np.logaddexp(0.0, x) / np.log(2.0))
