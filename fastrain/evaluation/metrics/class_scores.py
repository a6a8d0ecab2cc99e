"""The checked starting point of every metric: the scores of the two classes, sorted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fasdata.errors import UserError


@dataclass(frozen=True)
class ClassScores:
    """The scores of bona fide and of attack samples, each ascending, float64."""

    bonafide: NDArray[np.float64]
    attack: NDArray[np.float64]

    @classmethod
    def of(cls, scores: ArrayLike, labels: ArrayLike) -> ClassScores:
        """Split `scores` by `labels` (1 = bona fide, 0 = attack); either class may be empty.

        Raises:
            UserError: lengths differ, a score is NaN, or a label is neither 0 nor 1.
        """
        values, classes = np.asarray(scores, np.float64), np.asarray(labels)
        if values.ndim != 1 or values.shape != classes.shape:
            raise UserError(
                "scores and labels do not belong together",
                expected="two flat lists of one length",
                found=f"shapes {values.shape} and {classes.shape}",
            )
        if np.isnan(values).any():
            raise UserError("a score is not a number", found=f"NaN at position {int(np.argmax(np.isnan(values)))}")
        live = classes == 1
        if not (live | (classes == 0)).all():
            odd = classes[~(live | (classes == 0))][0]
            raise UserError("unknown label in scores", expected="1 (bona fide) or 0 (attack)", found=repr(odd.item()))
        return cls(np.sort(values[live]), np.sort(values[~live]))

    @property
    def missing(self) -> str:
        """Return what is lacking for a metric of both classes, in words; "" when nothing is."""
        if self.bonafide.size and self.attack.size:
            return ""
        if self.bonafide.size or self.attack.size:
            return "no attack" if self.bonafide.size else "no bona fide"
        return "no sample"
