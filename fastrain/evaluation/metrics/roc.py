"""The receiver operating characteristic."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastrain.evaluation.metrics.class_scores import ClassScores
from fastrain.evaluation.metrics.counts import Counts
from fastrain.evaluation.metrics.operating_point import OperatingPoint


@dataclass(frozen=True)
class Roc:
    """All points of the curve: `threshold` descends from +inf (nothing accepted) over every distinct score."""

    threshold: NDArray[np.float64]
    counts: Counts

    @classmethod
    def of(cls, scores: ArrayLike, labels: ArrayLike) -> Roc:
        """Build the curve; without samples it is the single point at +inf.

        Raises:
            UserError: as `ClassScores.of`.
        """
        classes = ClassScores.of(scores, labels)
        distinct = np.unique(np.concatenate([classes.bonafide, classes.attack]))
        # A sample of score +inf is accepted even at +inf, so that score has no point of its own.
        threshold = np.concatenate([[np.inf], distinct[distinct < np.inf][::-1]])
        return cls(threshold, Counts.at(classes, threshold))

    @property
    def fpr(self) -> NDArray[np.float64]:
        """Return the false positive rate (attacks accepted) at each threshold, ascending."""
        return self.counts.far

    @property
    def tpr(self) -> NDArray[np.float64]:
        """Return the true positive rate (bona fide accepted) at each threshold, ascending."""
        return self.counts.accepted_bonafide / np.float64(self.counts.bonafides or np.nan)

    def point(self, index: int) -> OperatingPoint:
        """Return point `index`, its threshold moved half way to the next lower score.

        The decisions on these samples stay the same; on others neither class is favoured by the choice.
        """
        upper = float(self.threshold[index])
        lower = float(self.threshold[index + 1]) if index + 1 < self.threshold.size else -np.inf
        middle = upper / 2 + lower / 2
        threshold = middle if np.isfinite([upper, lower]).all() and lower < middle <= upper else upper
        return OperatingPoint(threshold, float(self.counts.far[index]), float(self.counts.frr[index]))

    def thinned(self, limit: int = 500) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return (fpr, tpr) with at most `limit` points that draw the same curve.

        Points inside a straight run go first, without loss; of the rest those nearest to even steps along the curve
        stay, both ends always, so no point that is left out is further than 2 / `limit` from one that is kept.
        """
        fpr, tpr = self.fpr, self.tpr
        fp, tp = self.counts.accepted_attack, self.counts.accepted_bonafide
        turns = np.ones(fpr.size, bool)
        turns[1:-1] = (fp[1:-1] - fp[:-2]) * (tp[2:] - tp[1:-1]) != (tp[1:-1] - tp[:-2]) * (fp[2:] - fp[1:-1])
        fpr, tpr = fpr[turns], tpr[turns]
        if fpr.size <= limit:
            return fpr, tpr
        walked = fpr + tpr
        kept = np.unique(np.searchsorted(walked, np.linspace(0.0, walked[-1], limit)))
        return fpr[kept], tpr[kept]
