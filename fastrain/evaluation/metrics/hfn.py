"""The fourteen numbers the MetaPattern_FAS repository (HFN_MP) prints, as it computes them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fasdata.errors import UserError
from fastrain.evaluation.fusion import fuse
from fastrain.evaluation.metrics.auc import auc
from fastrain.evaluation.metrics.class_scores import ClassScores
from fastrain.evaluation.metrics.counts import Counts

_CELLS = 100_000


def hfn(
    scores: ArrayLike, labels: ArrayLike, *, threshold: float = 0.5, video: ArrayLike | None = None
) -> dict[str, float]:
    """Return AUC, EER, HTER at `threshold` (@THR) and at 0.5, and the smallest HTER, with their thresholds and rates.

    With `video` (one value a sample) the scores of a video are averaged first. Thresholds come from a grid of 100,001
    even steps between the lowest and the highest score, not from the scores, and the first of equals is taken. In EER
    and MIN_HTER the rate of a class without samples counts as 0; elsewhere it is NaN.

    Source: utils/metrics.py of that repository.

    Raises:
        UserError: no sample, an infinite score, or as `ClassScores.of`.
    """
    values, classes = np.asarray(scores, np.float64), np.asarray(labels)
    if video is not None:
        first, values = fuse(values, video)
        classes = classes[first]
    both = ClassScores.of(values, classes)
    if not values.size or np.isinf(values).any():
        raise UserError("no threshold grid can be laid over these scores", expected="at least one score, all finite")
    low, high = values.min(), values.max()
    grid = low + np.arange(_CELLS + 1) * (high - low) / _CELLS
    counts = Counts.at(both, grid)
    far, frr = _zero_if_empty(counts.far), _zero_if_empty(counts.frr)
    given, half = Counts.at(both, threshold), Counts.at(both, 0.5)
    return {
        "AUC": auc(values, classes),
        **_eer(grid, far, frr),
        "HTER@THR": float(given.hter),
        "FAR@THR": float(given.far),
        "FRR@THR": float(given.frr),
        "THR": float(threshold),
        "HTER@0.5": float(half.hter),
        "FAR@0.5": float(half.far),
        "FRR@0.5": float(half.frr),
        **_min_hter(grid, far, frr),
    }


def _eer(grid: NDArray[np.float64], far: NDArray[np.float64], frr: NDArray[np.float64]) -> dict[str, float]:
    gap = np.abs(far - frr)
    best = int(np.argmin(gap))
    if not gap[best] < 1.0:
        return {"EER": 0.5, "EER_THR": 0.5}
    return {"EER": float(far[best] + frr[best]) / 2, "EER_THR": float(grid[best])}


def _min_hter(grid: NDArray[np.float64], far: NDArray[np.float64], frr: NDArray[np.float64]) -> dict[str, float]:
    # At the lowest grid value everything is accepted, so the reference's starting bound of 1 is always beaten.
    half = (far + frr) / 2
    best = int(np.argmin(half))
    return {
        "MIN_HTER": float(half[best]),
        "MIN_HTER_THR": float(grid[best]),
        "MIN_FAR_THR": float(far[best]),
        "MIN_FRR_THR": float(frr[best]),
    }


def _zero_if_empty(rate: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.nan_to_num(rate, nan=0.0)
