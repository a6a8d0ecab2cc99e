"""Compute the metrics of many resamples at once: each resample is a weighting of the same samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from fastrain.evaluation.scores import Samples
from fastrain.evaluation.statistics.running import Running, Sums, Whole, ordered_pairs, pairs_are_few

Rates: TypeAlias = NDArray[np.float64]
Scores: TypeAlias = NDArray[np.float64]
_SLACK = 1e-9
_NONE = np.iinfo(np.int64).max
_CELLS = 1 << 22  # entries of an array that is in hand at a time


class Weighted:
    """Metrics of samples under `weights` (B, units), whole numbers; every method returns one number a row, (B,).

    The units are those of `order`. With all weights 1 they are the metrics of `fastrain.evaluation.metrics`, to the
    last bit or two.
    """

    def __init__(self, order: ScoreOrder, weights: Whole) -> None:
        self._order = order
        nothing = np.zeros((len(weights), 1), np.int64)
        self._weights = np.concatenate([weights[:, : order.units], nothing], axis=1)
        self._live, self._spoof = order.live.of(self._weights), order.spoof.of(self._weights)
        self.bonafides, self.attacks = self._live.total, self._spoof.total

    def auc(self) -> Rates:
        """Return the area under the ROC curve, ties counting half."""
        order, pairs = self._order, self.bonafides * self.attacks
        if order.lost_pairs is not None:
            weights = self._weights[:, :-1].astype(np.float64)
            return np.asarray(1 - ((weights @ order.lost_pairs) * weights).sum(axis=1) / (2 * pairs))
        live, spoof, below, up_to = order.rivals
        lost, most = np.empty(len(pairs), np.int64), max(1, _CELLS // max(1, order.size))
        for start in range(0, len(pairs), most):
            rows = self._weights[start : start + most]
            sums = np.zeros((len(rows), len(live) + 1), np.int64)
            np.cumsum(rows[:, live], axis=1, out=sums[:, 1:])
            lost[start : start + most] = (rows[:, spoof] * (sums[:, below] + sums[:, up_to])).sum(axis=1)
        return np.asarray(1 - lost / (2 * pairs))

    def eer(self) -> Rates:
        """Return the equal error rate: (FAR + FRR) / 2 where they are nearest."""
        order, pairs = self._order, self.bonafides * self.attacks
        # What is rejected of both classes ascends, so that FAR and FRR cross once, between two thresholds.
        crossed = self._live.joined(self.attacks, self._spoof, self.bonafides).beyond(pairs)
        below, above = order.cut_before(crossed), order.cut_from(crossed)
        errors = [self._errors_at(place) for place in (below, np.where(above > order.size, below, above))]
        gaps = [np.abs(accepted - rejected) for accepted, rejected in errors]
        totals = [accepted + rejected for accepted, rejected in errors]
        nearest = np.where(gaps[0] < gaps[1], totals[0], np.where(gaps[1] < gaps[0], totals[1], np.minimum(*totals)))
        return np.asarray(nearest / (2 * pairs))

    def min_hter(self) -> Rates:
        """Return the smallest (FAR + FRR) / 2 of any threshold."""
        order, live, spoof = self._order, self._live.edges, self._spoof.edges
        accepted, rejected = (self.attacks[:, None] - spoof) * self.bonafides[:, None], live * self.attacks[:, None]
        least = np.where(order.cuts_at_edges, accepted + rejected, _NONE).min(axis=1)
        # Inside of a block no more are rejected than behind it, and no fewer than before it.
        hopeful = np.nonzero(accepted[:, 1:] + rejected[:, :-1] < least[:, None]) if live.shape[1] <= order.size else ()
        for rows, blocks in _pieces(hopeful, self._live.step):
            errors = self._live.upto(rows, blocks) * self.attacks[rows, None]
            errors += (self.attacks[rows, None] - self._spoof.upto(rows, blocks)) * self.bonafides[rows, None]
            np.minimum.at(least, rows, np.where(order.cuts_in_blocks[blocks], errors, _NONE).min(axis=1))
        return np.asarray(least / (2 * self.bonafides * self.attacks))

    def tpr_at_fpr(self, limit: float) -> Rates:
        """Return the largest share of bona fide accepted where at most `limit` of the attacks are."""
        pairs = np.floor(limit * self.attacks * self.bonafides + _SLACK).astype(np.int64)
        place = self._order.cut_from(self._spoof.beyond(self.attacks - pairs // self.bonafides - 1))
        _, rejected = self._errors_at(np.minimum(place, self._order.size))
        least = np.where(place > self._order.size, _NONE, rejected)
        return np.asarray(1 - least / (self.attacks * self.bonafides))

    def bpcer(self, threshold: float) -> Rates:
        """Return the share of bona fide below `threshold`."""
        return self._live.first(self._order.below(threshold)) / self.bonafides

    def far(self, threshold: float) -> Rates:
        """Return the share of attacks, all species pooled, at or above `threshold`."""
        return (self.attacks - self._spoof.first(self._order.below(threshold))) / self.attacks

    def hter(self, threshold: float) -> Rates:
        """Return (FAR + BPCER) / 2 at `threshold`."""
        return (self.far(threshold) + self.bpcer(threshold)) / 2

    def apcer_max(self, threshold: float) -> Rates:
        """Return the APCER of the worst species among those in the resample."""
        return self._apcer(self._species, threshold)

    @cached_property
    def _species(self) -> list[tuple[Sums, Scores]]:
        return [(running.of(self._weights), scores) for running, scores in self._order.species]

    def _apcer(self, species: Sequence[tuple[Sums, Scores]], threshold: float | Scores) -> Rates:
        """Return the largest share accepted at `threshold` of some species, -1 where a resample has none of them."""
        rates = [np.full(len(self._weights), -1.0)]
        for sums, scores in species:
            accepted = sums.total - sums.first(np.searchsorted(scores, threshold, side="left"))
            rates.append(np.where(sums.total > 0, accepted / np.maximum(sums.total, 1), -1.0))
        return np.asarray(np.max(rates, axis=0))

    def apcer_in(self, family: str, threshold: float) -> Rates:
        """Return the APCER of the worst species of a family of attacks; NaN where a resample has none of it."""
        species = [(running.of(self._weights), scores) for running, scores in self._order.families.get(family, ())]
        rates = self._apcer(species, threshold)
        return np.where(rates < 0, np.nan, rates)

    def acer_max(self, threshold: float) -> Rates:
        """Return (APCER of the worst species + BPCER) / 2."""
        return (self.apcer_max(threshold) + self.bpcer(threshold)) / 2

    def bpcer_at_apcer(self, limit: float) -> Rates:
        """Return the BPCER at the lowest threshold that keeps the APCER of every species at `limit` or below."""
        refused = np.full(len(self._weights), -np.inf)
        for sums, scores in self._species:
            over = sums.total - np.floor(limit * sums.total + _SLACK).astype(np.int64)  # as many are refused
            last = np.minimum(sums.beyond(over - 1), len(scores)) - 1
            refused = np.maximum(refused, np.where(over > 0, scores[last], -np.inf))
        place = np.searchsorted(self._order.scores, refused, side="right")
        return self._live.first(place) / self.bonafides

    def apcer_at_bpcer(self, limit: float) -> Rates:
        """Return the APCER of the worst species at the highest threshold that keeps the BPCER at `limit` or below.

        NaN where too many bona fide samples have no score (-inf) for any threshold to keep it.
        """
        last = self._live.beyond(np.floor(limit * self.bonafides + _SLACK).astype(np.int64)) - 1
        threshold = np.append(self._order.scores, np.inf)[np.minimum(last, self._order.size)]
        return np.where(np.isneginf(threshold), np.nan, self._apcer(self._species, threshold))

    def rates(self) -> tuple[Rates, Rates]:
        """Return (FAR, FRR), (B, T) each, at every threshold in ascending order, +inf last."""
        live, spoof = (
            of.everywhere(self._weights)[:, self._order.cuts] for of in (self._order.live, self._order.spoof)
        )
        pairs = (self.attacks * self.bonafides)[:, None]
        accepted, rejected = (self.attacks[:, None] - spoof) * self.bonafides[:, None], live * self.attacks[:, None]
        return accepted / pairs, rejected / pairs

    def _errors_at(self, places: Whole) -> tuple[Whole, Whole]:
        """Accepted attacks and rejected bona fide behind so many scores, each times the size of the other class."""
        accepted = (self.attacks - self._spoof.first(places)) * self.bonafides
        return accepted, self._live.first(places) * self.attacks


class ScoreOrder:
    """The order of the samples that every weighting needs; made once.

    `unit` (N,) is the unit of each sample that weights are given for; without it each sample is one of its own. Some
    `weightings` are expected in all. A place is a number of lowest scores; those that a threshold can reject and no
    more are `cuts`.
    """

    def __init__(self, samples: Samples, unit: Whole | None = None, weightings: int = 1000) -> None:
        self.size, self._samples, self._weightings = len(samples.scores), samples, weightings
        self._unit = np.arange(self.size) if unit is None else unit
        self.units = int(self._unit.max(initial=-1)) + 1
        self._ascending = np.argsort(samples.scores, kind="stable")
        self.scores = samples.scores[self._ascending]
        self.live, self.spoof = (Running(self._units_of(label, self._ascending), self.units) for label in (1, 0))
        new = np.ones(self.size + 1, bool)
        new[1:-1] = self.scores[1:] != self.scores[:-1]
        self.ends = np.flatnonzero(new)  # a score that several samples share lies between two of them
        self.cuts = self.ends[: -1 if self.size and self.scores[-1] == np.inf else None]

    @property
    def together(self) -> int:
        """Return how many weightings are best looked at together."""
        return max(1, min(256, _CELLS // max(1, self.units))) if self.live.step > 1 else 1

    def _units_of(self, label: int, order: Whole) -> Whole:
        """Return the units of a class in an order of all samples, and `units` for the other class."""
        return np.where(self._samples.labels[order] == label, self._unit[order], self.units)

    def below(self, threshold: float) -> int:
        """Return how many samples of both classes have a score below `threshold`."""
        return int(np.searchsorted(self.scores, threshold, side="left"))

    def cut_from(self, places: Whole) -> Whole:
        """Return the first cut from each place on, more than all samples where there is none."""
        return np.append(self.cuts, self.size + 1)[np.searchsorted(self.cuts, places, side="left")]

    def cut_before(self, places: Whole) -> Whole:
        """Return the last cut before each place, which is not 0."""
        return self.cuts[np.searchsorted(self.cuts, places, side="left") - 1]

    @cached_property
    def cuts_in_blocks(self) -> NDArray[np.bool_]:
        """Tell which places behind the samples of each block are cuts, (blocks + 1, step)."""
        blocks, step = -(-self.size // self.live.step), self.live.step
        is_cut = np.zeros((blocks + 1) * step + 1, bool)
        is_cut[self.cuts] = True
        return is_cut[1:].reshape(blocks + 1, step)

    @cached_property
    def cuts_at_edges(self) -> NDArray[np.bool_]:
        """Tell which edges of blocks are cuts, (blocks + 1,)."""
        edges = np.arange(len(self.cuts_in_blocks)) * self.live.step
        return np.isin(np.minimum(edges, self.size), self.cuts)

    @cached_property
    def species(self) -> list[tuple[Running, Scores]]:
        """The attacks of each species and their scores, ascending."""
        spoof = self._ascending[self._samples.labels[self._ascending] == 0]
        names = self._samples.species[spoof]
        return [self._running(spoof[names == name]) for name in np.unique(names)]

    @cached_property
    def families(self) -> dict[str, list[tuple[Running, Scores]]]:
        """The attacks of each species of each family, likewise."""
        return {
            family: [self._running(self._ascending[of[self._ascending]]) for of in kinds.values()]
            for family, kinds in self._samples.families.items()
        }

    def _running(self, members: Whole) -> tuple[Running, Scores]:
        return Running(self._unit[members], self.units), self._samples.scores[members]

    @cached_property
    def rivals(self) -> tuple[Whole, Whole, Whole, Whole]:
        """The units of bona fide and of attacks, ascending; how many bona fide lie below each attack, and up to it."""
        labels = self._samples.labels[self._ascending]
        live, spoof = (self._unit[self._ascending[labels == label]] for label in (1, 0))
        scores = self.scores[labels == 1]
        below, up_to = (np.searchsorted(scores, self.scores[labels == 0], side) for side in ("left", "right"))
        return live, spoof, below, up_to

    @cached_property
    def lost_pairs(self) -> NDArray[np.float64] | None:
        """Twice the pairs of a bona fide sample of a unit (row) and an attack of another that the attack wins.

        A tie counts half. None where there are too many units.
        """
        if not pairs_are_few(self.size, self.units, self._weightings):
            return None
        labels = self._samples.labels
        ties = len(self.ends) <= self.size
        orders = [np.lexsort((of, self._samples.scores)) for of in (labels, 1 - labels)[: 1 + ties]]  # first in a tie
        pairs = [ordered_pairs(self._units_of(1, order), self._units_of(0, order), self.units) for order in orders]
        return pairs[0] + pairs[-1]


Measure: TypeAlias = Callable[[Weighted], Rates]


def _pieces(cells: Sequence[Whole], step: int) -> Iterator[Sequence[Whole]]:
    """Yield places of a table, so many that as many blocks of samples are no large array."""
    most = max(1, _CELLS // step)
    for start in range(0, len(cells[0]) if cells else 0, most):
        yield [of[start : start + most] for of in cells]
