"""Intervals of every rate from the decisions themselves: of each class, of the worst species, of HTER and ACER, of AUC.

They need no resampling, so they hold where resampling has nothing to draw from: all decisions right, all wrong, a class
of two people. What is read off the curve (EER, AUC, BPCER20) is resampled and never narrower than they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from fastrain.evaluation.scores import Samples
from fastrain.evaluation.statistics.clusters import Clusters
from fastrain.evaluation.statistics.proportions import (
    LEVEL,
    PRIOR,
    RESAMPLED,
    Interval,
    clopper_pearson,
    corrected,
    mean_of_two,
    proportion_interval,
    worst_of,
)

_OTHER = -1  # the label of attacks of another family


@dataclass(frozen=True)
class Decided:
    """Decisions on samples: `wrong` (N,), the share of networks that decide each wrongly, `steps` of them.

    `labels` and `unit` (the person) have an entry a sample too; `kinds` are the attacks of each species, `families`
    those of each family of attacks.
    """

    labels: NDArray[np.int64]
    kinds: Mapping[str, NDArray[np.bool_]]
    unit: NDArray[np.int64]
    wrong: NDArray[np.float64]
    steps: int = 1
    families: Mapping[str, Mapping[str, NDArray[np.bool_]]] = field(default_factory=dict)

    @classmethod
    def at(cls, networks: Sequence[tuple[Samples, float]], clusters: Clusters) -> Decided:
        """Return the decisions of networks on the same samples, each at its threshold: a score at it is accepted."""
        first = networks[0][0]
        wrong = [(samples.scores >= threshold) != (samples.labels == 1) for samples, threshold in networks]
        return cls(first.labels, first.kinds, clusters.unit, np.mean(wrong, axis=0), len(networks), first.families)

    def bpcer(self, level: float = LEVEL) -> Interval:
        """Return the interval of the share of bona fide rejected."""
        return self._of(self.labels == 1, level)

    def tpr(self, level: float = LEVEL) -> Interval:
        """Return the interval of the share of bona fide accepted."""
        rejected = self.bpcer(level)
        return Interval(1 - rejected.high, 1 - rejected.low, rule=rejected.rule, size=rejected.size)

    def far(self, level: float = LEVEL) -> Interval:
        """Return the interval of the share of attacks accepted, all species together."""
        return self._of(self.labels == 0, level)

    def apcer_of(self, name: str, level: float = LEVEL) -> Interval:
        """Return the interval of the APCER of a species."""
        return self._of(self.kinds[name], level)

    def apcer(self, level: float = LEVEL) -> Interval:
        """Return the interval of the APCER of the worst species; that of a single species is its own."""
        if len(self.kinds) < 2:
            return self.far(level)
        strict = corrected(level, len(self.kinds))
        worst = worst_of(*([self.apcer_of(name, at) for name in self.kinds] for at in (level, strict)))
        return replace(worst, size=self._of(self._worst(), level).size)

    def apcer_in(self, family: str, level: float = LEVEL) -> Interval:
        """Return the interval of the APCER of the worst species of a family."""
        kinds = self.families[family]
        labels = np.where(np.any(list(kinds.values()), axis=0) | (self.labels == 1), self.labels, _OTHER)
        return replace(self, labels=labels, kinds=kinds).apcer(level)

    def hter(self, level: float = LEVEL) -> Interval:
        """Return the interval of (FAR + BPCER) / 2."""
        return self._joined(self.labels == 0, self.far(level), level)

    def acer_max(self, level: float = LEVEL) -> Interval:
        """Return the interval of (APCER of the worst species + BPCER) / 2."""
        return self._joined(self._worst(), self.apcer(level), level)

    def _of(self, members: NDArray[np.bool_], level: float) -> Interval:
        return proportion_interval(self.wrong[members], self.unit[members], steps=self.steps, level=level)

    def _joined(self, attacks: NDArray[np.bool_], of_attacks: Interval, level: float) -> Interval:
        live = self.labels == 1
        pair = (self._rate(attacks), of_attacks), (self._rate(live), self.bpcer(level))
        return mean_of_two(*pair, self._correlation(attacks, live), level)

    def _rate(self, members: NDArray[np.bool_]) -> float:
        return float(self.wrong[members].mean())

    def _correlation(self, first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
        """Return how the two rates go together over people, 0 where one of them does not vary."""
        people = int(self.unit.max()) + 1
        apart = [
            np.bincount(self.unit[of], weights=self.wrong[of] - self._rate(of), minlength=people)
            for of in (first, second)
        ]
        scale = float(np.sqrt((apart[0] ** 2).sum() * (apart[1] ** 2).sum()))
        return float((apart[0] * apart[1]).sum()) / scale if scale > 0 else 0.0

    def _worst(self) -> NDArray[np.bool_]:
        return max(self.kinds.values(), key=self._rate)


def auc_interval(
    networks: Sequence[Samples], clusters: Clusters, auc: float, variance: float, level: float = LEVEL
) -> Interval:
    """Return the interval of an AUC, the mean over networks, from its `variance` over resampled people.

    An AUC is a proportion of pairs. Its variance is at most auc * (1 - auc) over the number of people of the smaller
    class (Birnbaum and Klose 1957), so that number is what the pairs are worth at least; it gives way to the variance
    as people come in that are confused with others, as a person's clips do in `effective_size`.

    >>> samples = Samples(np.array([0.9, 0.8, 0.2, 0.1]), np.array([1, 1, 0, 0]), np.array(["p"] * 4), np.arange(4))
    >>> apart = auc_interval([samples], Clusters(np.arange(4), np.zeros(4, int), 4, 0), 1.0, 0.0)
    >>> round(apart.low, 4), apart.high  # two people: 0.025 ** (1 / 2)
    (0.1581, 1.0)
    """
    classes = [networks[0].labels == label for label in (1, 0)]
    people = min(_people(clusters.unit[of]) for of in classes)
    lost = [_lost(samples) for samples in networks]
    confused = min(_confused(np.mean([share[of] for share in lost], axis=0), clusters.unit[of]) for of in classes)
    spread = auc * (1 - auc)
    own = variance / spread if confused and spread > 0 else 0.0
    size = (confused + PRIOR) / (confused * own + PRIOR / people)
    low, high = clopper_pearson(size * (1 - auc), size, level)
    return Interval(1 - float(high), 1 - float(low), float(np.sqrt(variance)), RESAMPLED)


def _people(unit: NDArray[np.int64]) -> float:
    """Return how many people presentations are worth when those of a person are all alike."""
    clips = np.bincount(unit).astype(np.float64)
    return float(clips.sum() ** 2 / (clips**2).sum())


def _lost(samples: Samples) -> NDArray[np.float64]:
    """Return, for every sample, the share of the other class that it is on the wrong side of, ties counting half."""
    lost = np.zeros(len(samples.scores))
    for label in (1, 0):
        own = samples.labels == label
        others = np.sort(samples.scores[~own])
        below, up_to = (np.searchsorted(others, samples.scores[own], side=side) for side in ("left", "right"))
        share = (below + up_to) / (2 * max(others.size, 1))
        lost[own] = 1 - share if label == 1 else share
    return lost


def _confused(lost: NDArray[np.float64], unit: NDArray[np.int64]) -> int:
    """Return how many people are confused with some of the other class, or told apart from some: the fewer."""
    sums, clips = np.bincount(unit, weights=lost), np.bincount(unit)
    return int(min((sums > 0).sum(), (sums < clips).sum()))
