"""The half total error rate at a given threshold."""

from __future__ import annotations

from numpy.typing import ArrayLike

from fastrain.evaluation.metrics.class_scores import ClassScores
from fastrain.evaluation.metrics.counts import Counts


def hter(scores: ArrayLike, labels: ArrayLike, threshold: float) -> float:
    """Return (FAR + FRR) / 2 at `threshold`, all attacks pooled; NaN if a class is missing.

    Raises:
        UserError: as `ClassScores.of`, or the threshold is NaN.
    """
    return float(Counts.at(ClassScores.of(scores, labels), threshold).hter)
