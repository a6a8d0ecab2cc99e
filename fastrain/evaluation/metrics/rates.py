"""Compute error rates at a given threshold: APCER, BPCER, HTER, and ACER in the two forms that share one name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import compress

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fasdata.errors import UserError
from fastrain.evaluation.metrics.counts import Counts, split


def apcer_by_species(
    scores: ArrayLike, labels: ArrayLike, species: Sequence[str] | np.ndarray, threshold: float
) -> dict[str, float]:
    """Return the APCER of each PAI species by name: the share of its attacks accepted at `threshold` (ISO/IEC 30107-3).

    `species` holds one name a sample; those of bona fide samples are ignored. The APCER of a system is the maximum of
    these (`apcer_max`); without attacks the result is empty.

    Raises:
        UserError: as `ClassScores.of`, the lengths differ, or the threshold is NaN.

    >>> apcer_by_species([0.9, 0.6, 0.3, 0.2], [1, 0, 0, 0], ["", "print", "print", "replay"], 0.5)
    {'print': 0.5, 'replay': 0.0}
    """
    values, names = attacks_of(scores, labels, species)
    if np.isnan(threshold):
        raise UserError("a threshold is not a number", expected="a finite number, or inf to reject everything")
    accepted, listed = values >= threshold, names.tolist()
    sizes, passed = Counter(listed), Counter(compress(listed, accepted.tolist()))
    return {str(name): passed[name] / sizes[name] for name in sorted(sizes)}


def attacks_of(
    scores: ArrayLike, labels: ArrayLike, species: Sequence[str] | np.ndarray
) -> tuple[NDArray[np.float64], NDArray[np.object_]]:
    """Return scores and names of species of the attacks.

    Raises:
        UserError: as `apcer_by_species`.
    """
    _, spoof = split(scores, labels)
    names = np.asarray(species)
    if names.shape != np.shape(labels):
        raise UserError("scores and species differ in number", found=f"{np.size(labels)} scores, {names.size} species")
    return spoof, names[np.asarray(labels) == 0]


def apcer_max(scores: ArrayLike, labels: ArrayLike, species: Sequence[str] | np.ndarray, threshold: float) -> float:
    """Return the APCER of the worst PAI species at `threshold`; NaN without attacks.

    Raises:
        UserError: as `apcer_by_species`.

    >>> apcer_max([0.9, 0.6, 0.3, 0.2], [1, 0, 0, 0], ["", "print", "print", "replay"], 0.5)
    0.5
    """
    return max(apcer_by_species(scores, labels, species, threshold).values(), default=float("nan"))


def bpcer(scores: ArrayLike, labels: ArrayLike, threshold: float) -> float:
    """Return the share of bona fide samples below `threshold`; NaN without bona fide samples (ISO/IEC 30107-3).

    Raises:
        UserError: as `ClassScores.of`, or the threshold is NaN.

    >>> bpcer([0.9, 0.7, 0.6, 0.4, 0.6], [1, 1, 1, 1, 0], 0.5)
    0.25
    """
    return float(Counts.at_one(scores, labels, threshold).frr)


def hter(scores: ArrayLike, labels: ArrayLike, threshold: float) -> float:
    """Return (FAR + FRR) / 2 at `threshold`, all attacks pooled; NaN if a class is missing.

    Raises:
        UserError: as `ClassScores.of`, or the threshold is NaN.

    >>> hter([0.9, 0.4, 0.6, 0.3, 0.2, 0.1], [1, 1, 0, 0, 0, 0], 0.5)  # FAR 1/4, FRR 1/2
    0.375
    """
    return float(Counts.at_one(scores, labels, threshold).hter)


def acer_max(scores: ArrayLike, labels: ArrayLike, species: Sequence[str] | np.ndarray, threshold: float) -> float:
    """Return the ACER of ISO/IEC 30107-3, (APCER of the worst species + BPCER) / 2; NaN if a class is missing.

    Raises:
        UserError: as `apcer_by_species`.

    >>> acer_max([0.9, 0.4, 0.6, 0.3, 0.2, 0.1], [1, 1, 0, 0, 0, 0], ["", "", *["print"] * 2, *["replay"] * 2], 0.5)
    0.5
    """
    return (apcer_max(scores, labels, species, threshold) + bpcer(scores, labels, threshold)) / 2


def acer_pooled(scores: ArrayLike, labels: ArrayLike, threshold: float) -> float:
    """Return (APCER over all attacks together + BPCER) / 2, which is the HTER under another name.

    Raises:
        UserError: as `hter`.

    >>> acer_pooled([0.9, 0.4, 0.6, 0.3, 0.2, 0.1], [1, 1, 0, 0, 0, 0], 0.5)
    0.375
    """
    return hter(scores, labels, threshold)
