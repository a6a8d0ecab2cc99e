"""The bona fide presentation classification error rate."""

from __future__ import annotations

from numpy.typing import ArrayLike

from fastrain.evaluation.metrics.class_scores import ClassScores
from fastrain.evaluation.metrics.counts import Counts


def bpcer(scores: ArrayLike, labels: ArrayLike, threshold: float) -> float:
    """Return the share of bona fide samples below `threshold`; NaN without bona fide samples (ISO/IEC 30107-3).

    Raises:
        UserError: as `ClassScores.of`, or the threshold is NaN.
    """
    return float(Counts.at(ClassScores.of(scores, labels), threshold).frr)
