"""Where a threshold comes from, as named objects: a number without its policy means nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class ThresholdPolicy:
    """`choose(scores, labels)` looks at the samples of `part` only; an empty `part` = no data are needed.

    `oracle`: the threshold is chosen on the very samples it is judged on, which no deployment could do.
    """

    name: str
    part: str
    oracle: bool
    choose: Callable[[np.ndarray, np.ndarray], float]


def fixed(value: float) -> ThresholdPolicy:
    """Return the policy of a threshold known beforehand."""
    return ThresholdPolicy(f"fixed({value:g})", "", False, lambda scores, labels: value)


def _eer(scores: np.ndarray, labels: np.ndarray) -> float:
    from fastrain.evaluation.metrics.eer import eer

    return eer(scores, labels).threshold


def _min_hter(scores: np.ndarray, labels: np.ndarray) -> float:
    from fastrain.evaluation.metrics.min_hter import min_hter

    return min_hter(scores, labels).threshold


SOURCE_EER = ThresholdPolicy("source_eer", "val", False, _eer)
TARGET_EER = ThresholdPolicy("target_eer (oracle)", "test", True, _eer)
TARGET_MIN_HTER = ThresholdPolicy("target_min_hter (oracle)", "test", True, _min_hter)

# What a report shows side by side: the deployable line first, then what papers print.
STANDARD_POLICIES = (SOURCE_EER, fixed(0.5), TARGET_EER, TARGET_MIN_HTER)
