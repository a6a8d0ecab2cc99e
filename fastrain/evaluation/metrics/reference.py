"""Compute the reference repositories' own metric sets and operating points, by name, as their code does."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fasdata.errors import UserError, unknown_name
from fastrain.evaluation.metrics.counts import ClassScores, Counts, OperatingPoint, fuse
from fastrain.evaluation.metrics.curve import Roc, auc

# -- MetaPattern_FAS (HFN_MP): the fourteen numbers it prints ---------------------------------------------------------

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


# -- GAC_FAS: the numbers it prints, all at the EER point of the data given -------------------------------------------


def gac(scores: ArrayLike, labels: ArrayLike) -> dict[str, float]:
    """Return ACC, FPR, FRR, HTER, AUC, ERR, TPR@FPR5, and the threshold EER_THR and ROC index EER_INDEX they hold at.

    The point is the first of the ROC curve, from (0, 0) at +inf on, with the smallest |TPR + FPR - 1|; ERR is its FPR.
    TPR@FPR5 is the TPR of the first point whose FPR is nearest to 0.05, above it or below. ACC counts a sample exactly
    at the threshold as right, whatever it is. A missing class gives NaN.

    Source: helpers/performance.py of that repository.

    Raises:
        UserError: no sample, or as `ClassScores.of`.
    """
    values, classes = np.asarray(scores, np.float64), np.asarray(labels)
    roc = Roc.of(values, classes)
    if not values.size:
        raise UserError("no scores to evaluate", expected="at least one sample")
    fpr, tpr = roc.fpr, roc.tpr
    # As the reference writes it: between near ties the rounding of this expression decides. NaN counts as smallest.
    index = int(np.argmin(np.abs(tpr + fpr - 1.0)))
    threshold, frr = roc.threshold[index], 1.0 - tpr[index]
    wrong = np.where(classes == 1, values < threshold, values > threshold)
    return {
        "ACC": 1.0 - float(wrong.sum()) / values.size,
        "FPR": float(fpr[index]),
        "FRR": float(frr),
        "HTER": float(fpr[index] + frr) / 2,
        "AUC": auc(values, classes),
        "ERR": float(fpr[index]),
        "TPR@FPR5": float(tpr[np.argmin(np.abs(fpr - 0.05))]),
        "EER_THR": float(threshold),
        "EER_INDEX": float(index),
    }


# -- SSDG and others: the older metric set, on a fixed threshold grid over [0, 1] -------------------------------------


def legacy(scores: ArrayLike, labels: ArrayLike, *, cells: int = 10_000) -> dict[str, float]:
    """Return EER, its threshold EER_THR, and HTER and ACC there.

    The grid has `cells` even steps from 0 to 1 and the value 1.1, which rejects every probability; of equal gaps
    |FAR - FRR| the *last* threshold is taken; the rate of a class without samples counts as 1. Scores outside [0, 1]
    are lumped at its ends. Source: models/HFN_MP/utils.py of MetaPattern_FAS, as in SSDG.

    Raises:
        UserError: no sample, or as `ClassScores.of`.
    """
    classes = ClassScores.of(scores, labels)
    total = classes.bonafide.size + classes.attack.size
    if not total:
        raise UserError("no scores to evaluate", expected="at least one sample")
    grid = np.append(np.arange(cells + 1) / cells, 1.1)
    counts = Counts.at(classes, grid)
    far, frr = _one_if_empty(counts.far), _one_if_empty(counts.frr)
    gap = np.abs(frr - far)
    best = int(gap.size - 1 - np.argmin(gap[::-1]))
    half = float(far[best] + frr[best]) / 2
    right = int(counts.accepted_bonafide[best]) + counts.attacks - int(counts.accepted_attack[best])
    return {"EER": half, "EER_THR": float(grid[best]), "HTER": half, "ACC": right / total}


def _one_if_empty(rate: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.nan_to_num(rate, nan=1.0)


_WITHOUT_LIVE = (0.5,) * 10  # what the reference returns then, whatever number of rates was asked for


def spoof_rejection_at_live_rejection(
    scores: ArrayLike, labels: ArrayLike, rates: Sequence[float] = (0.1, 0.01, 0.001, 0.0001)
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (thresholds, share of attacks below each) at given shares of rejected live samples.

    The threshold of a rate is the live score of rank floor(rate x n), at least the lowest. Without attacks the share is
    0; without live samples ten thresholds of 0.5 are used. Source: helpers/performance.py of the GAC_FAS repository,
    where nothing calls it.

    Raises:
        UserError: as `ClassScores.of`.
    """
    classes = ClassScores.of(scores, labels)
    live, spoof = classes.bonafide, classes.attack
    ranks = [max(1, int(rate * live.size)) for rate in rates]
    thresholds = live[np.array(ranks) - 1] if live.size else np.array(_WITHOUT_LIVE)
    return thresholds, np.searchsorted(spoof, thresholds, side="left") / max(1, spoof.size)


# -- mmdg: what the later script of its authors prints, at the EER point of a thinned curve ----------------------------


def mmdg(scores: ArrayLike, labels: ArrayLike) -> dict[str, float]:
    """Return ACC, AUC, HTER, FPR and TPR at the threshold THR, and how many points POINTS the curve was left with.

    The curve has one point a distinct score; as scikit-learn thins it, only its ends and the points at which a
    difference of counts changes are kept, behind (0, 0) at +inf. THR is the first with the smallest |TPR + FPR - 1|.
    ACC counts a bona fide sample exactly at the threshold as wrong. A missing class gives NaN.

    Raises:
        UserError: no sample, or as `ClassScores.of`.
    """
    values, classes = np.asarray(scores, np.float64), np.asarray(labels)
    roc = Roc.of(values, classes)
    if not values.size:
        raise UserError("no scores to evaluate", expected="at least one sample")
    steps = [np.diff(of[1:], 2) != 0 for of in (roc.counts.accepted_attack, roc.counts.accepted_bonafide)]
    inner = np.arange(1, roc.threshold.size)
    if inner.size > 2:
        inner = inner[np.concatenate([[True], steps[0] | steps[1], [True]])]
    kept = np.concatenate([[0], inner])
    fpr, tpr = roc.fpr[kept], roc.tpr[kept]
    index = int(np.argmin(np.abs(tpr + fpr - 1.0)))
    threshold = float(roc.threshold[kept][index])
    right = np.where(classes == 1, values > threshold, values <= threshold)
    return {
        "ACC": float(right.mean()),
        "AUC": auc(values, classes),
        "HTER": float(fpr[index] + 1 - tpr[index]) / 2,
        "FPR": float(fpr[index]),
        "TPR": float(tpr[index]),
        "THR": threshold,
        "POINTS": float(kept.size),
    }


# -- The metric sets by name ------------------------------------------------------------------------------------------

VARIANTS: dict[str, Callable[..., dict[str, float]]] = {
    function.__name__: function for function in (hfn, gac, legacy, mmdg)
}


def variant(name: str) -> Callable[..., dict[str, float]]:
    """Return the metric set of that name, a function (scores, labels) -> {name in that repository: value}.

    Raises:
        UserError: no variant has this name.
    """
    if name not in VARIANTS:
        raise unknown_name("metric set", name, VARIANTS)
    return VARIANTS[name]


# -- The error rate that each repository leads with, at its own threshold ---------------------------------------------


def hfn_min_hter(scores: ArrayLike, labels: ArrayLike) -> OperatingPoint:
    """Return the smallest HTER on MetaPattern_FAS's grid of 100,001 thresholds, the first of equals."""
    numbers = hfn(scores, labels)
    return OperatingPoint(numbers["MIN_HTER_THR"], numbers["MIN_FAR_THR"], numbers["MIN_FRR_THR"])


def ssdg_eer(scores: ArrayLike, labels: ArrayLike) -> OperatingPoint:
    """Return the point of SSDG's grid over [0, 1] (and 1.1) where both errors are nearest, the last of equals.

    ME-FAS and others print HTER and EER from it, chosen on the target: they are equal there.
    """
    return _at(scores, labels, legacy(scores, labels)["EER_THR"])


def gac_eer_point(scores: ArrayLike, labels: ArrayLike) -> OperatingPoint:
    """Return GAC-FAS's point: the first of the ROC curve with the smallest |TPR + FPR - 1|."""
    numbers = gac(scores, labels)
    return OperatingPoint(numbers["EER_THR"], numbers["FPR"], numbers["FRR"])


def mmdg_at_half(scores: ArrayLike, labels: ArrayLike) -> OperatingPoint:
    """Return the errors at a half as mmdg and MMDGFAS count them: a score of exactly 0.5 is an attack.

    Scores are compared in float32, as those repositories hold them. A missing class gives NaN.
    """
    values = np.asarray(scores, np.float32)
    return _at(np.asarray(values, np.float64), labels, float(np.nextafter(np.float32(0.5), np.float32(1))))


def mmdg_eer_point(scores: ArrayLike, labels: ArrayLike) -> OperatingPoint:
    """Return the point at which the later script of mmdg's authors counts: as GAC-FAS's, on a thinned curve."""
    numbers = mmdg(scores, labels)
    return OperatingPoint(numbers["THR"], numbers["FPR"], 1 - numbers["TPR"])


POINTS: dict[str, Callable[[ArrayLike, ArrayLike], OperatingPoint]] = {
    function.__name__: function for function in (hfn_min_hter, ssdg_eer, gac_eer_point, mmdg_at_half, mmdg_eer_point)
}


def reference_point(name: str) -> Callable[[ArrayLike, ArrayLike], OperatingPoint]:
    """Return the operating point of that name, a function (scores, labels) -> point.

    Raises:
        UserError: there is none; names the nearest.
    """
    if name not in POINTS:
        raise unknown_name("reference point", name, POINTS)
    return POINTS[name]


def _at(scores: ArrayLike, labels: ArrayLike, threshold: float) -> OperatingPoint:
    classes = ClassScores.of(scores, labels)
    live, spoof = classes.bonafide, classes.attack
    far = float((spoof >= threshold).mean()) if spoof.size else np.nan
    frr = float((live < threshold).mean()) if live.size else np.nan
    return OperatingPoint(threshold, far, frr)
