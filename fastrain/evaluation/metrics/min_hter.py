"""The smallest half total error rate any threshold reaches."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from fastrain.evaluation.metrics.operating_point import OperatingPoint
from fastrain.evaluation.metrics.roc import Roc


def min_hter(scores: ArrayLike, labels: ArrayLike) -> OperatingPoint:
    """Return the ROC point with the smallest HTER, of equals the one with the highest threshold.

    All NaN if a class is missing.

    Raises:
        UserError: as `ClassScores.of`.
    """
    roc = Roc.of(scores, labels)
    counts = roc.counts
    if not counts.bonafides or not counts.attacks:
        return OperatingPoint(np.nan, np.nan, np.nan)
    errors = counts.accepted_attack * counts.bonafides + counts.rejected_bonafide * counts.attacks
    return roc.point(int(np.argmin(errors)))
