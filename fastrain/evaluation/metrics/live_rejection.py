"""Spoof rejection at a share of rejected live samples: the convention opposite to TPR@FPR."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastrain.evaluation.metrics.class_scores import ClassScores

_WITHOUT_LIVE = (0.5,) * 10  # what the reference returns then, whatever number of rates was asked for


def spoof_rejection_at_live_rejection(
    scores: ArrayLike, labels: ArrayLike, rates: Sequence[float] = (0.1, 0.01, 0.001, 0.0001)
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (thresholds, share of attacks below each), as an unused routine of the GAC_FAS repository does.

    The threshold of a rate is the live score of rank floor(rate x n), at least the lowest. Without attacks the share is
    0; without live samples ten thresholds of 0.5 are used. Source: helpers/performance.py there.

    Raises:
        UserError: as `ClassScores.of`.
    """
    classes = ClassScores.of(scores, labels)
    live, spoof = classes.bonafide, classes.attack
    ranks = [max(1, int(rate * live.size)) for rate in rates]
    thresholds = live[np.array(ranks) - 1] if live.size else np.array(_WITHOUT_LIVE)
    return thresholds, np.searchsorted(spoof, thresholds, side="left") / max(1, spoof.size)
