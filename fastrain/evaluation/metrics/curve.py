"""Build the ROC curve and read it off: AUC, EER, the smallest HTER, and one error rate at a limit on the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fasdata.errors import UserError
from fastrain.evaluation.metrics.counts import ClassScores, Counts, OperatingPoint
from fastrain.evaluation.metrics.rates import apcer_max, attacks_of


@dataclass(frozen=True)
class Roc:
    """All points of the ROC curve: `threshold` descends from +inf (nothing accepted) over every distinct score.

    >>> roc = Roc.of([0.9, 0.4, 0.6, 0.2], [1, 1, 0, 0])
    >>> roc.threshold.tolist()
    [inf, 0.9, 0.6, 0.4, 0.2]
    >>> roc.fpr.tolist(), roc.tpr.tolist()
    ([0.0, 0.0, 0.5, 0.5, 1.0], [0.0, 0.5, 0.5, 1.0, 1.0])
    """

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


# -- Metrics read off the curve ---------------------------------------------------------------------------------------


def auc(scores: ArrayLike, labels: ArrayLike) -> float:
    """Return the chance that a bona fide sample scores above an attack, ties counting half; NaN if a class is missing.

    Equals the trapezoid area under the ROC curve (Mann-Whitney), counted in whole numbers.

    Raises:
        UserError: as `ClassScores.of`.

    >>> auc([0.9, 0.4, 0.6, 0.2], [1, 1, 0, 0])  # of the four pairs, 0.4 against 0.6 is lost
    0.75
    """
    classes = ClassScores.of(scores, labels)
    if classes.missing:
        return float("nan")
    not_above = np.searchsorted(classes.bonafide, classes.attack, side="right")
    below = np.searchsorted(classes.bonafide, classes.attack, side="left")
    pairs = classes.bonafide.size * classes.attack.size
    twice_lost = int(not_above.sum()) + int(below.sum())  # a lost pair counts two, a tie one
    return (2 * pairs - twice_lost) / (2 * pairs)


def eer(scores: ArrayLike, labels: ArrayLike) -> OperatingPoint:
    """Return the point of the ROC curve where FAR and FRR are nearest; its `hter` is the equal error rate.

    Of points equally near, the one with the lower `hter`, then the higher threshold. All NaN if a class is missing.

    Raises:
        UserError: as `ClassScores.of`.

    >>> point = eer([0.9, 0.4, 0.6, 0.2], [1, 1, 0, 0])
    >>> point.threshold, point.far, point.frr
    (0.5, 0.5, 0.5)
    """
    roc = Roc.of(scores, labels)
    counts = roc.counts
    if not counts.bonafides or not counts.attacks:
        return OperatingPoint(np.nan, np.nan, np.nan)
    # Cross-multiplied: whole numbers, so that no rounding decides between equal points.
    accepted, rejected = counts.accepted_attack * counts.bonafides, counts.rejected_bonafide * counts.attacks
    return roc.point(int(np.lexsort((accepted + rejected, np.abs(accepted - rejected)))[0]))


def min_hter(scores: ArrayLike, labels: ArrayLike) -> OperatingPoint:
    """Return the ROC point with the smallest HTER, of equals the one with the highest threshold.

    All NaN if a class is missing.

    Raises:
        UserError: as `ClassScores.of`.
    """
    roc = Roc.of(scores, labels)
    counts = roc.counts
    if not counts.bonafides or not counts.attacks:
        return OperatingPoint(np.nan, np.nan, np.nan)
    errors = counts.accepted_attack * counts.bonafides + counts.rejected_bonafide * counts.attacks
    return roc.point(int(np.argmin(errors)))


def tpr_at_fpr(scores: ArrayLike, labels: ArrayLike, limit: float) -> float:
    """Return the largest TPR among the points of the ROC curve with FPR <= `limit`; NaN if a class is missing.

    Raises:
        UserError: as `ClassScores.of`, or `limit` is not in [0, 1].
    """
    _require_rate("TPR@FPR", limit)
    roc = Roc.of(scores, labels)
    if not roc.counts.bonafides or not roc.counts.attacks:
        return float("nan")
    return float(roc.tpr[np.searchsorted(roc.fpr, limit, side="right") - 1])


# -- One error rate at a limit on the other ---------------------------------------------------------------------------

_SLACK = 1e-9  # 0.05 x 20 and its like are meant to be whole numbers


def bpcer_at_apcer(
    scores: ArrayLike, labels: ArrayLike, species: Sequence[str] | np.ndarray, limit: float
) -> OperatingPoint:
    """Return the lowest threshold at which no species has an APCER above `limit`, and the rates there.

    `far` is the APCER of the worst species at that threshold, `frr` the BPCER: BPCER10, BPCER20 and BPCER100 of
    ISO/IEC 30107-3 at the limits 0.10, 0.05 and 0.01. The threshold is the lowest score that may be accepted, +inf
    when none may. All NaN if a class is missing.

    Raises:
        UserError: as `apcer_by_species`, or `limit` is not in [0, 1].

    >>> scores, species = [0.9, 0.4, 0.6, 0.2], ["", "", "print", "replay"]
    >>> bpcer_at_apcer(scores, [1, 1, 0, 0], species, 0.10)  # BPCER10: no print may pass, so 0.4 is rejected
    OperatingPoint(threshold=0.9, far=0.0, frr=0.5)
    """
    _require_rate("BPCER@APCER", limit)
    classes = ClassScores.of(scores, labels)
    if classes.missing:
        return OperatingPoint(np.nan, np.nan, np.nan)
    values = np.asarray(scores, np.float64)
    attacks, names = attacks_of(values, labels, species)
    refused = max(_highest_refused(attacks[names == name], limit) for name in set(names.tolist()))
    above = values[values > refused]
    threshold = float(above.min()) if above.size else np.inf
    rejected = int(np.searchsorted(classes.bonafide, refused, side="right"))
    return OperatingPoint(threshold, apcer_max(values, labels, species, threshold), rejected / classes.bonafide.size)


def apcer_at_bpcer(
    scores: ArrayLike, labels: ArrayLike, species: Sequence[str] | np.ndarray, limit: float
) -> OperatingPoint:
    """Return the highest threshold at which the BPCER is at most `limit`, and the rates there.

    `far` is the APCER of the worst species. All NaN if a class is missing, or if so many bona fide samples could not
    be acquired (score -inf) that no threshold keeps the limit.

    Raises:
        UserError: as `apcer_by_species`, or `limit` is not in [0, 1].
    """
    _require_rate("APCER@BPCER", limit)
    classes = ClassScores.of(scores, labels)
    if classes.missing:
        return OperatingPoint(np.nan, np.nan, np.nan)
    live = classes.bonafide
    allowed = int(np.floor(limit * live.size + _SLACK))
    if allowed >= live.size:
        return OperatingPoint(np.inf, apcer_max(scores, labels, species, np.inf), 1.0)
    threshold = float(live[allowed])
    if np.isneginf(threshold):
        return OperatingPoint(np.nan, np.nan, np.nan)
    rejected = int(np.searchsorted(live, threshold, side="left"))
    return OperatingPoint(threshold, apcer_max(scores, labels, species, threshold), rejected / live.size)


def _require_rate(what: str, limit: float) -> None:
    """Raise a UserError unless `limit` is a rate."""
    if not 0 <= limit <= 1:
        raise UserError(f"{what} needs a rate", expected="a limit from 0 to 1", found=str(limit))


def _highest_refused(attacks: np.ndarray, limit: float) -> float:
    """Return the highest attack score that has to be rejected, -inf when all may be accepted."""
    allowed = int(np.floor(limit * attacks.size + _SLACK))
    place = attacks.size - 1 - allowed
    return float(np.partition(attacks, place)[place]) if allowed < attacks.size else -np.inf
