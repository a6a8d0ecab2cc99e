"""The bona fide acceptance that a limit on accepted attacks allows."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from fasdata.errors import UserError
from fastrain.evaluation.metrics.roc import Roc


def tpr_at_fpr(scores: ArrayLike, labels: ArrayLike, limit: float) -> float:
    """Return the largest TPR among the points of the ROC curve with FPR <= `limit`; NaN if a class is missing.

    Raises:
        UserError: as `ClassScores.of`, or `limit` is not in [0, 1].
    """
    if not 0 <= limit <= 1:
        raise UserError("TPR@FPR needs a rate", expected="a limit from 0 to 1", found=str(limit))
    roc = Roc.of(scores, labels)
    if not roc.counts.bonafides or not roc.counts.attacks:
        return float("nan")
    return float(roc.tpr[np.searchsorted(roc.fpr, limit, side="right") - 1])
