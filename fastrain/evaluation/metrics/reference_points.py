"""The one error rate that each reference repository leads with, by name, each at that repository's own threshold."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from fasdata.errors import unknown_name
from fastrain.evaluation.metrics.class_scores import ClassScores
from fastrain.evaluation.metrics.gac import gac
from fastrain.evaluation.metrics.hfn import hfn
from fastrain.evaluation.metrics.legacy import legacy
from fastrain.evaluation.metrics.operating_point import OperatingPoint


def hfn_min_hter(scores: ArrayLike, labels: ArrayLike) -> OperatingPoint:
    """Return the smallest HTER on MetaPattern_FAS's grid of 100,001 thresholds, the first of equals."""
    found = hfn(scores, labels)
    return OperatingPoint(found["MIN_HTER_THR"], found["MIN_FAR_THR"], found["MIN_FRR_THR"])


def ssdg_eer(scores: ArrayLike, labels: ArrayLike) -> OperatingPoint:
    """Return the point of SSDG's grid over [0, 1] (and 1.1) where both errors are nearest, the last of equals.

    ME-FAS and others print HTER and EER from it, chosen on the target: they are equal there.
    """
    found = legacy(scores, labels)
    return _at(scores, labels, found["EER_THR"])


def gac_eer_point(scores: ArrayLike, labels: ArrayLike) -> OperatingPoint:
    """Return GAC-FAS's point: the first of the ROC curve with the smallest |TPR + FPR - 1|."""
    found = gac(scores, labels)
    return OperatingPoint(found["EER_THR"], found["FPR"], found["FRR"])


def mmdg_at_half(scores: ArrayLike, labels: ArrayLike) -> OperatingPoint:
    """Return the errors at a half as mmdg and MMDGFAS count them: a score of exactly 0.5 is an attack.

    Scores are compared in float32, as those repositories hold them. A missing class gives NaN.
    """
    values = np.asarray(scores, np.float32)
    return _at(np.asarray(values, np.float64), labels, float(np.nextafter(np.float32(0.5), np.float32(1))))


POINTS: dict[str, Callable[[ArrayLike, ArrayLike], OperatingPoint]] = {
    "hfn_min_hter": hfn_min_hter,
    "ssdg_eer": ssdg_eer,
    "gac_eer_point": gac_eer_point,
    "mmdg_at_half": mmdg_at_half,
}


def reference_point(name: str) -> Callable[[ArrayLike, ArrayLike], OperatingPoint]:
    """Return the function of that name.

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
