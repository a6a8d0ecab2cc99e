"""The equal error rate."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from fastrain.evaluation.metrics.operating_point import OperatingPoint
from fastrain.evaluation.metrics.roc import Roc


def eer(scores: ArrayLike, labels: ArrayLike) -> OperatingPoint:
    """Return the point of the ROC curve where FAR and FRR are nearest; its `hter` is the equal error rate.

    Of points equally near, the one with the lower `hter`, then the higher threshold. All NaN if a class is missing.

    Raises:
        UserError: as `ClassScores.of`.
    """
    roc = Roc.of(scores, labels)
    counts = roc.counts
    if not counts.bonafides or not counts.attacks:
        return OperatingPoint(np.nan, np.nan, np.nan)
    # Cross-multiplied: whole numbers, so that no rounding decides between equal points.
    accepted, rejected = counts.accepted_attack * counts.bonafides, counts.rejected_bonafide * counts.attacks
    return roc.point(int(np.lexsort((accepted + rejected, np.abs(accepted - rejected)))[0]))
