"""Error rates at a given threshold: APCER, BPCER, HTER and ACER in its two forms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from fasdata.errors import UserError
from fastrain.evaluation.metrics.counts import ClassScores, Counts

# -- The attack presentation classification error rate of each PAI species --------------------------------------------


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


# -- The bona fide presentation classification error rate -------------------------------------------------------------


def bpcer(scores: ArrayLike, labels: ArrayLike, threshold: float) -> float:
    """Return the share of bona fide samples below `threshold`; NaN without bona fide samples (ISO/IEC 30107-3).

    Raises:
        UserError: as `ClassScores.of`, or the threshold is NaN.
    """
    return float(Counts.at(ClassScores.of(scores, labels), threshold).frr)


# -- The half total error rate at a given threshold -------------------------------------------------------------------


def hter(scores: ArrayLike, labels: ArrayLike, threshold: float) -> float:
    """Return (FAR + FRR) / 2 at `threshold`, all attacks pooled; NaN if a class is missing.

    Raises:
        UserError: as `ClassScores.of`, or the threshold is NaN.
    """
    return float(Counts.at(ClassScores.of(scores, labels), threshold).hter)


# -- The average classification error rate, in the two forms that papers call by one name -----------------------------


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
