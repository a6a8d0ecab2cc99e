"""The numbers the GAC_FAS repository prints, as it computes them: all at the EER point of the data given."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from fasdata.errors import UserError
from fastrain.evaluation.metrics.auc import auc
from fastrain.evaluation.metrics.roc import Roc


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
