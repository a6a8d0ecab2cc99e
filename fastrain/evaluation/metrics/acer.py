"""The average classification error rate, in the two forms that papers call by one name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from fastrain.evaluation.metrics.apcer import apcer_max
from fastrain.evaluation.metrics.bpcer import bpcer
from fastrain.evaluation.metrics.hter import hter


def acer_max(scores: ArrayLike, labels: ArrayLike, species: Sequence[str] | np.ndarray, threshold: float) -> float:
    """Return (APCER of the worst species + BPCER) / 2 at `threshold`; NaN if a class is missing.

    Raises:
        UserError: as `apcer_by_species`.
    """
    return (apcer_max(scores, labels, species, threshold) + bpcer(scores, labels, threshold)) / 2


def acer_pooled(scores: ArrayLike, labels: ArrayLike, threshold: float) -> float:
    """Return (APCER over all attacks together + BPCER) / 2, which is the HTER under another name.

    Raises:
        UserError: as `hter`.
    """
    return hter(scores, labels, threshold)
