"""Decisions counted at thresholds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fasdata.errors import UserError
from fastrain.evaluation.metrics.class_scores import ClassScores


@dataclass(frozen=True)
class Counts:
    """How many of `bonafides` and `attacks` are accepted at each threshold: integer arrays of the thresholds' shape."""

    accepted_bonafide: NDArray[np.int64]
    accepted_attack: NDArray[np.int64]
    bonafides: int
    attacks: int

    @classmethod
    def at(cls, classes: ClassScores, thresholds: ArrayLike) -> Counts:
        """Count by sorted search, so a grid of 100,000 thresholds costs milliseconds.

        Raises:
            UserError: a threshold is NaN.
        """
        cuts = np.asarray(thresholds, np.float64)
        if np.isnan(cuts).any():
            raise UserError("a threshold is not a number", expected="a finite number, or inf to reject everything")
        live, spoof = classes.bonafide, classes.attack
        return cls(
            live.size - np.searchsorted(live, cuts, side="left"),
            spoof.size - np.searchsorted(spoof, cuts, side="left"),
            live.size,
            spoof.size,
        )

    @property
    def rejected_bonafide(self) -> NDArray[np.int64]:
        """Return the bona fide samples below each threshold."""
        return self.bonafides - self.accepted_bonafide

    @property
    def far(self) -> NDArray[np.float64]:
        """Return the share of attacks accepted (FAR, pooled APCER); NaN without attacks."""
        return self.accepted_attack / np.float64(self.attacks or np.nan)

    @property
    def frr(self) -> NDArray[np.float64]:
        """Return the share of bona fide samples rejected (FRR, BPCER); NaN without bona fide samples."""
        return self.rejected_bonafide / np.float64(self.bonafides or np.nan)

    @property
    def hter(self) -> NDArray[np.float64]:
        """Return the half total error rate, (FAR + FRR) / 2."""
        return (self.far + self.frr) / 2
