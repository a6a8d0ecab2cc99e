"""Prepare what every metric starts from: scores by class, decisions at thresholds, clip scores from frame scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fasdata.errors import UserError, unknown_name

# -- Scores of the two classes -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ClassScores:
    """The scores of bona fide and of attack samples, each ascending, float64.

    >>> classes = ClassScores.of([0.9, 0.2, 0.6], [1, 0, 0])
    >>> classes.bonafide.tolist(), classes.attack.tolist(), classes.missing
    ([0.9], [0.2, 0.6], '')
    """

    bonafide: NDArray[np.float64]
    attack: NDArray[np.float64]

    @classmethod
    def of(cls, scores: ArrayLike, labels: ArrayLike) -> ClassScores:
        """Split `scores` by `labels` (1 = bona fide, 0 = attack); either class may be empty.

        Raises:
            UserError: lengths differ, a score is NaN, or a label is neither 0 nor 1.
        """
        return cls(*(np.sort(of_class) for of_class in split(scores, labels)))

    @property
    def missing(self) -> str:
        """Return what is lacking for a metric of both classes, in words; "" when nothing is."""
        if self.bonafide.size and self.attack.size:
            return ""
        if self.bonafide.size or self.attack.size:
            return "no attack" if self.bonafide.size else "no bona fide"
        return "no sample"


def split(scores: ArrayLike, labels: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the scores of bona fide and of attack samples, in the order in which they come.

    Raises:
        UserError: as `ClassScores.of`.
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
    return values[live], values[~live]


# -- Decisions at thresholds -------------------------------------------------------------------------------------------


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
        cuts = _numbers(thresholds)
        live, spoof = classes.bonafide, classes.attack
        return cls(
            live.size - np.searchsorted(live, cuts, side="left"),
            spoof.size - np.searchsorted(spoof, cuts, side="left"),
            live.size,
            spoof.size,
        )

    @classmethod
    def at_one(cls, scores: ArrayLike, labels: ArrayLike, threshold: float) -> Counts:
        """Count at a single threshold, for which nothing has to be sorted.

        Raises:
            UserError: as `ClassScores.of`, or the threshold is NaN.
        """
        live, spoof = split(scores, labels)
        cut = _numbers(threshold)
        accepted = [np.asarray(np.count_nonzero(of_class >= cut), np.int64) for of_class in (live, spoof)]
        return cls(accepted[0], accepted[1], live.size, spoof.size)

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


def _numbers(thresholds: ArrayLike) -> NDArray[np.float64]:
    cuts = np.asarray(thresholds, np.float64)
    if np.isnan(cuts).any():
        raise UserError("a threshold is not a number", expected="a finite number, or inf to reject everything")
    return cuts


@dataclass(frozen=True)
class OperatingPoint:
    """`far` and `frr` at `threshold`; all NaN where a class is missing, threshold inf where everything is rejected."""

    threshold: float
    far: float
    frr: float

    @property
    def hter(self) -> float:
        """Return (FAR + FRR) / 2."""
        return (self.far + self.frr) / 2


# -- From frame scores to clip scores ----------------------------------------------------------------------------------

# A fusion reduces a matrix, one group a row, along axis 1.
FUSIONS: dict[str, Callable[..., NDArray[np.float64]]] = {
    "mean": np.mean,
    "median": np.median,
    "min": np.min,
    "max": np.max,
}


def fuse(scores: ArrayLike, groups: ArrayLike, how: str = "mean") -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Fuse the scores of each group: return (position of its first sample, fused score), in order of first appearance.

    `groups` holds one value a sample (clip id, video number). The fused score equals that of the group taken alone, to
    the last bit: a sum in another order can break a tie between clips and so change an error rate.

    Raises:
        UserError: no fusion is called `how`.

    >>> first, fused = fuse([0.25, 0.75, 0.5], ["clip 1", "clip 1", "clip 2"])
    >>> first.tolist(), fused.tolist()
    ([0, 2], [0.5, 0.5])
    """
    if how not in FUSIONS:
        raise unknown_name("clip fusion", how, FUSIONS)
    values, members = np.asarray(scores, np.float64), np.asarray(groups)
    _, first, index, sizes = np.unique(members, return_index=True, return_inverse=True, return_counts=True)
    ordered = values[np.argsort(index, kind="stable")]
    starts = np.cumsum(sizes) - sizes
    fused = np.empty(sizes.size)
    for size in np.unique(sizes):
        same = sizes == size
        rows = ordered[starts[same][:, None] + np.arange(size)]
        fused[same] = FUSIONS[how](rows, axis=1)
    appearance = np.argsort(first)
    return first[appearance], fused[appearance]
