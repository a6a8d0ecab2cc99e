"""The area under the ROC curve."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from fastrain.evaluation.metrics.class_scores import ClassScores


def auc(scores: ArrayLike, labels: ArrayLike) -> float:
    """Return the chance that a bona fide sample scores above an attack, ties counting half; NaN if a class is missing.

    Equals the trapezoid area under the ROC curve (Mann-Whitney), counted in whole numbers.

    Raises:
        UserError: as `ClassScores.of`.
    """
    classes = ClassScores.of(scores, labels)
    if classes.missing:
        return float("nan")
    not_above = np.searchsorted(classes.bonafide, classes.attack, side="right")
    below = np.searchsorted(classes.bonafide, classes.attack, side="left")
    pairs = classes.bonafide.size * classes.attack.size
    twice_lost = int(not_above.sum()) + int(below.sum())  # a lost pair counts two, a tie one
    return (2 * pairs - twice_lost) / (2 * pairs)
