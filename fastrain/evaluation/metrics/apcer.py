"""The attack presentation classification error rate of each PAI species."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from fasdata.errors import UserError
from fastrain.evaluation.metrics.class_scores import ClassScores


def apcer_by_species(
    scores: ArrayLike, labels: ArrayLike, species: Sequence[str] | np.ndarray, threshold: float
) -> dict[str, float]:
    """Return, for each species among the attacks, the share accepted at `threshold` (ISO/IEC 30107-3), by name.

    `species` names that of every sample; what it says of bona fide samples does not matter. The APCER of a system is
    the maximum of these (`apcer_max`); without attacks the result is empty.

    Raises:
        UserError: as `ClassScores.of`, the lengths differ, or the threshold is NaN.
    """
    ClassScores.of(scores, labels)
    if np.isnan(threshold):
        raise UserError("a threshold is not a number", expected="a finite number, or inf to reject everything")
    values, attack, names = np.asarray(scores, np.float64), np.asarray(labels) == 0, np.asarray(species)
    if names.shape != values.shape:
        raise UserError("scores and species differ in number", found=f"{values.size} scores, {names.size} species")
    present, index, sizes = np.unique(names[attack], return_inverse=True, return_counts=True)
    accepted = np.bincount(index[values[attack] >= threshold], minlength=present.size)
    return {str(name): float(rate) for name, rate in zip(present, accepted / sizes, strict=True)}


def apcer_max(scores: ArrayLike, labels: ArrayLike, species: Sequence[str] | np.ndarray, threshold: float) -> float:
    """Return the APCER of the worst species at `threshold`; NaN without attacks.

    Raises:
        UserError: as `apcer_by_species`.
    """
    return max(apcer_by_species(scores, labels, species, threshold).values(), default=float("nan"))
