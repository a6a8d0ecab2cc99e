"""CDCN's operating point, found on development data with scikit-learn's thinned ROC curve, and the errors there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from fasdata.errors import UserError
from fastrain.evaluation.metrics.counts import ClassScores, Counts, OperatingPoint
from fastrain.evaluation.metrics.curve import Roc


def cdcn_point(scores: ArrayLike, labels: ArrayLike) -> OperatingPoint:
    """Return the first point of the thinned ROC curve with the smallest |TPR + FPR - 1|; what reaches it is accepted.

    Thinned as scikit-learn's `roc_curve` does by default: between the ends a point is left out where the steps of both
    counts before and after it are equal. The curve begins at (0, 0) and +inf. A missing class gives NaN.

    Source: utils.py of the CDCN repository.

    Raises:
        UserError: no sample, or as `ClassScores.of`.

    >>> cdcn_point([0.9, 0.4, 0.6, 0.2], [1, 1, 0, 0])
    OperatingPoint(threshold=0.6, far=0.5, frr=0.5)
    """
    roc = Roc.of(scores, labels)
    if roc.threshold.size < 2:
        raise UserError("no scores to evaluate", expected="at least one sample")
    if not roc.counts.bonafides or not roc.counts.attacks:
        return OperatingPoint(np.nan, np.nan, np.nan)
    steps = (np.diff(counts[1:], 2) for counts in (roc.counts.accepted_attack, roc.counts.accepted_bonafide))
    kept = np.ones(roc.threshold.size, bool)
    kept[2:-1] = np.any([step != 0 for step in steps], axis=0)
    places = np.flatnonzero(kept)
    index = int(places[np.argmin(np.abs(roc.tpr[places] + roc.fpr[places] - 1.0))])
    return OperatingPoint(float(roc.threshold[index]), float(roc.fpr[index]), float(1 - roc.tpr[index]))


@dataclass(frozen=True)
class Rates:
    """Errors where only scores above a threshold are accepted, all attacks together."""

    accuracy: float
    apcer: float
    bpcer: float

    @property
    def acer(self) -> float:
        """The mean of both errors."""
        return (self.apcer + self.bpcer) / 2

    @classmethod
    def above(cls, scores: ArrayLike, labels: ArrayLike, threshold: float) -> Rates:
        """Count the errors: a live score exactly at the threshold is one.

        Raises:
            UserError: as `ClassScores.of`.
        """
        counts = Counts.at(ClassScores.of(scores, labels), just_above(threshold))
        right = int(counts.accepted_bonafide) + counts.attacks - int(counts.accepted_attack)
        total = counts.bonafides + counts.attacks
        return cls(right / total if total else np.nan, float(counts.far), float(counts.frr))


def just_above(threshold: float) -> float:
    """Return the next larger number: to reach it is to be above the threshold."""
    return float(np.nextafter(threshold, np.inf))


def cdcn_dev(scores: ArrayLike, labels: ArrayLike) -> float:
    """Return the threshold that CDCN takes from development data, as ours: what reaches it is accepted.

    Raises:
        UserError: as `cdcn_point`.
    """
    return just_above(cdcn_point(scores, labels).threshold)
