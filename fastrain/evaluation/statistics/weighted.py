"""Compute the metrics of many resamples at once: each resample is a weighting of the same samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from fastrain.evaluation.scores import Samples

Rates: TypeAlias = NDArray[np.float64]
_SLACK = 1e-9


class Weighted:
    """Metrics of `samples` under `weights` (B, N), whole numbers; every method returns one number a row, (B,).

    With all weights 1 they are those of `fastrain.evaluation.metrics`, to the last bit or two.
    """

    def __init__(self, order: ScoreOrder, weights: NDArray[np.int64]) -> None:
        self._order = order
        # Column 0 = nothing; column i = the weight of the i lowest scores of the class.
        self._below_live = _cumulated(weights[:, order.live])
        self._below_spoof = _cumulated(weights[:, order.spoof])
        self._weights = weights
        self.bonafides, self.attacks = self._below_live[:, -1], self._below_spoof[:, -1]

    def auc(self) -> Rates:
        """Return the area under the ROC curve, ties counting half."""
        order = self._order
        spoof = np.diff(self._below_spoof, axis=1)
        lost = self._below_live[:, order.live_below_spoof] + self._below_live[:, order.live_up_to_spoof]
        pairs = self.bonafides * self.attacks
        return np.asarray(1 - (spoof * lost).sum(axis=1) / (2 * pairs))

    def eer(self) -> Rates:
        """Return the equal error rate: (FAR + FRR) / 2 where they are nearest."""
        accepted, rejected = self._errors
        gap, total = np.abs(accepted - rejected), accepted + rejected
        nearest = np.where(gap == gap.min(axis=1, keepdims=True), total, np.iinfo(np.int64).max).min(axis=1)
        return np.asarray(nearest / (2 * self.bonafides * self.attacks))

    def min_hter(self) -> Rates:
        """Return the smallest (FAR + FRR) / 2 of any threshold."""
        accepted, rejected = self._errors
        return np.asarray((accepted + rejected).min(axis=1) / (2 * self.bonafides * self.attacks))

    def tpr_at_fpr(self, limit: float) -> Rates:
        """Return the largest share of bona fide accepted where at most `limit` of the attacks are."""
        accepted, rejected = self._errors
        allowed = accepted <= (limit * self.attacks * self.bonafides)[:, None] + _SLACK
        least = np.where(allowed, rejected, np.iinfo(np.int64).max).min(axis=1)
        return np.asarray(1 - least / (self.attacks * self.bonafides))

    def bpcer(self, threshold: float) -> Rates:
        """Return the share of bona fide below `threshold`."""
        return self._below_live[:, np.searchsorted(self._order.live_scores, threshold, side="left")] / self.bonafides

    def far(self, threshold: float) -> Rates:
        """Return the share of attacks, all species pooled, at or above `threshold`."""
        below = self._below_spoof[:, np.searchsorted(self._order.spoof_scores, threshold, side="left")]
        return (self.attacks - below) / self.attacks

    def hter(self, threshold: float) -> Rates:
        """Return (FAR + BPCER) / 2 at `threshold`."""
        return (self.far(threshold) + self.bpcer(threshold)) / 2

    def apcer_max(self, threshold: float) -> Rates:
        """Return the APCER of the worst species among those in the resample."""
        return self._apcer(self._order.species, threshold)

    def _apcer(self, species: Sequence[tuple[NDArray[np.int64], NDArray[np.float64]]], threshold: float) -> Rates:
        """Return the largest share accepted at `threshold` of some species, -1 where a resample has none of them."""
        rates = [np.full(len(self._weights), -1.0)]
        for members, scores in species:
            weights = self._weights[:, members]
            total = weights.sum(axis=1)
            accepted = weights[:, scores >= threshold].sum(axis=1)
            rates.append(np.where(total > 0, accepted / np.maximum(total, 1), -1.0))
        return np.asarray(np.max(rates, axis=0))

    def apcer_in(self, family: str, threshold: float) -> Rates:
        """Return the APCER of the worst species of a family of attacks; NaN where a resample has none of it."""
        rates = self._apcer(self._order.families.get(family, ()), threshold)
        return np.where(rates < 0, np.nan, rates)

    def acer_max(self, threshold: float) -> Rates:
        """Return (APCER of the worst species + BPCER) / 2."""
        return (self.apcer_max(threshold) + self.bpcer(threshold)) / 2

    def bpcer_at_apcer(self, limit: float) -> Rates:
        """Return the BPCER at the lowest threshold that keeps the APCER of every species at `limit` or below."""
        refused = np.full(len(self._weights), -np.inf)
        for members, scores in self._order.species:  # ascending
            from_above = np.cumsum(self._weights[:, members][:, ::-1], axis=1)
            allowed = np.floor(limit * from_above[:, -1] + _SLACK)
            over = from_above > allowed[:, None]
            first = np.argmax(over, axis=1)
            highest = np.where(over.any(axis=1), scores[::-1][first], -np.inf)
            refused = np.maximum(refused, highest)
        place = np.searchsorted(self._order.live_scores, refused, side="right")
        return np.take_along_axis(self._below_live, place[:, None], axis=1)[:, 0] / self.bonafides

    def apcer_at_bpcer(self, limit: float) -> Rates:
        """Return the APCER of the worst species at the highest threshold that keeps the BPCER at `limit` or below.

        NaN where too many bona fide samples have no score (-inf) for any threshold to keep it.
        """
        allowed = np.floor(limit * self.bonafides + _SLACK)
        over = self._below_live[:, 1:] > allowed[:, None]
        scores = np.append(self._order.live_scores, np.inf)
        threshold = scores[np.where(over.any(axis=1), np.argmax(over, axis=1), len(scores) - 1)]
        rates = []
        for members, of_species in self._order.species:
            below = _cumulated(self._weights[:, members])
            place = np.searchsorted(of_species, threshold, side="left")
            accepted = below[:, -1] - np.take_along_axis(below, place[:, None], axis=1)[:, 0]
            rates.append(np.where(below[:, -1] > 0, accepted / np.maximum(below[:, -1], 1), -1.0))
        return np.where(np.isneginf(threshold), np.nan, np.max(rates, axis=0))

    def rates(self) -> tuple[Rates, Rates]:
        """Return (FAR, FRR), (B, T) each, at every threshold in ascending order, +inf last."""
        accepted, rejected = self._errors
        pairs = (self.attacks * self.bonafides)[:, None]
        return accepted / pairs, rejected / pairs

    @cached_property
    def _errors(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Accepted attacks and rejected bona fide at every threshold, each times the size of the other class."""
        order = self._order
        accepted = self.attacks[:, None] - self._below_spoof[:, order.spoof_below_cut]
        rejected = self._below_live[:, order.live_below_cut]
        return accepted * self.bonafides[:, None], rejected * self.attacks[:, None]


class ScoreOrder:
    """The order of the samples that every weighting needs; made once."""

    def __init__(self, samples: Samples) -> None:
        ascending = np.argsort(samples.scores, kind="stable")
        self.live = ascending[samples.labels[ascending] == 1]
        self.spoof = ascending[samples.labels[ascending] == 0]
        self.live_scores, self.spoof_scores = samples.scores[self.live], samples.scores[self.spoof]
        self.live_below_spoof = np.searchsorted(self.live_scores, self.spoof_scores, side="left")
        self.live_up_to_spoof = np.searchsorted(self.live_scores, self.spoof_scores, side="right")
        distinct = np.unique(samples.scores)
        cuts = np.append(distinct[distinct < np.inf], np.inf)
        self.live_below_cut = np.searchsorted(self.live_scores, cuts, side="left")
        self.spoof_below_cut = np.searchsorted(self.spoof_scores, cuts, side="left")
        names = samples.species[self.spoof]
        self.species = [(self.spoof[names == name], self.spoof_scores[names == name]) for name in np.unique(names)]
        self.families = {
            family: [(self.spoof[of[self.spoof]], self.spoof_scores[of[self.spoof]]) for of in kinds.values()]
            for family, kinds in samples.families.items()
        }


Measure: TypeAlias = Callable[[Weighted], Rates]


def _cumulated(weights: NDArray[np.int64]) -> NDArray[np.int64]:
    out = np.zeros((weights.shape[0], weights.shape[1] + 1), np.int64)
    np.cumsum(weights, axis=1, out=out[:, 1:])
    return out
