"""Test whether two systems on the same presentations differ by more than chance: exchange them, person by person.

If the systems are equally good, it is chance which of them gave which answers to a person. So the two are exchanged for
some people, scores and decisions alike, and the difference is computed anew: p is the share of exchanges that make it
at least as large, either way. Up to `EXACT_PEOPLE` people all exchanges are gone through, above so many are drawn. With
few people few exchanges exist, and no difference, however large, has a small p: four people reach 0.125.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fasdata.errors import UserError
from fastrain.evaluation.scores import Samples
from fastrain.evaluation.statistics.clusters import Clusters, affordable
from fastrain.evaluation.statistics.intervals import RESAMPLES
from fastrain.evaluation.statistics.weighted import Measure, ScoreOrder, Weighted

EXACT_PEOPLE = 15
_SAME = 1e-12  # differences that are so near are the same
_CELLS = 1 << 21  # samples times exchanges in hand at a time
Pair = tuple[Samples, Samples]


@dataclass(frozen=True)
class FlipTest:
    """The difference, first system minus second, its two-sided p, and the smallest p that any difference could have.

    `people` are those whom the two systems answer differently; `exact`: all exchanges were gone through.
    """

    difference: float
    p: float
    smallest: float
    people: int
    exact: bool


@dataclass(frozen=True)
class Group:
    """Pairs of networks on the same samples, in the same order, and whose samples these are."""

    pairs: Sequence[Pair]
    clusters: Clusters

    @cached_property
    def differ(self) -> NDArray[np.int64]:
        """Return the people whom some pair answers differently."""
        differ = np.zeros(len(self.clusters.unit), bool)
        for first, second in self.pairs:
            differ |= first.scores != second.scores
        return np.unique(self.clusters.unit[differ])


def sign_flip(
    pairs: Sequence[Pair], clusters: Clusters, measure: Measure, *, draws: int = RESAMPLES, seed: int = 0
) -> FlipTest:
    """Test the mean difference of `measure` over pairs of networks on the same samples, in the same order.

    Scores of a pair have to be of one scale, so that exchanging them means something: see `ranked`, `decided`.

    Raises:
        UserError: the samples are not the same presentations.
    """
    return sign_flip_of_mean([Group(pairs, clusters)], measure, draws=draws, seed=seed)


def sign_flip_of_mean(groups: Sequence[Group], measure: Measure, *, draws: int = RESAMPLES, seed: int = 0) -> FlipTest:
    """Test the mean over groups, whose people are different ones, of what `sign_flip` tests in each.

    Raises:
        UserError: as `sign_flip`.
    """
    for first, second in (pair for group in groups for pair in group.pairs):
        if len(first.labels) != len(second.labels) or (first.labels != second.labels).any():
            raise UserError(
                "two systems can only be compared on the same presentations", expected="one order, same labels"
            )
    people = sum(len(group.differ) for group in groups)
    samples = [len(group.pairs) * len(group.clusters.unit) for group in groups]
    exact = people <= EXACT_PEOPLE
    drawn = 2 ** (people - 1) if exact and people else affordable(draws, 4 * sum(samples))
    smallest = 2.0 ** (1 - people) if exact else max(1 / (drawn + 1), 2.0 ** (1 - people))
    observed = float(_mean_differences(groups, measure, np.zeros((1, people), bool))[0])
    if not people:
        return FlipTest(observed, 1.0, 1.0, 0, True)
    at_least = 0
    largest = max(len(group.clusters.unit) for group in groups)
    for flips in _flips(people, drawn, exact, seed, max(1, _CELLS // (2 * largest))):
        differences = _mean_differences(groups, measure, flips)
        at_least += int((np.abs(differences) >= abs(observed) - _SAME).sum())
    # The exchanges gone through hold the one that was observed; those drawn do not, and it counts with them.
    p = at_least / drawn if exact else (at_least + 1) / (drawn + 1)
    return FlipTest(observed, p, smallest, people, exact)


def _mean_differences(groups: Sequence[Group], measure: Measure, flips: NDArray[np.bool_]) -> NDArray[np.float64]:
    ends = np.cumsum([len(group.differ) for group in groups])
    parts = np.split(flips, ends[:-1], axis=1)
    of_groups = [
        _differences(group.pairs, group.clusters, measure, part, group.differ)
        for group, part in zip(groups, parts, strict=True)
    ]
    return np.asarray(np.mean(of_groups, axis=0))


def _flips(people: int, number: int, exact: bool, seed: int, chunk: int) -> Iterator[NDArray[np.bool_]]:
    """Yield exchanges (up to `chunk`, people): drawn, or all with the first person as observed.

    The others mirror these: the same differences with the opposite sign.
    """
    rng = np.random.default_rng(seed)
    for start in range(0, number, chunk):
        rows = min(chunk, number - start)
        if exact:
            yield (np.arange(start, start + rows)[:, None] >> np.arange(people)[::-1]) % 2 == 1
        else:
            yield rng.random((rows, people)) < 0.5


def _differences(
    pairs: Sequence[Pair],
    clusters: Clusters,
    measure: Measure,
    flips: NDArray[np.bool_],
    people: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return the mean difference over pairs under each exchange: each system is a weighting of both's samples."""
    of_unit = np.zeros((len(flips), len(clusters.stratum)), np.int64)
    of_unit[:, people] = flips
    exchanged = of_unit[:, clusters.unit]
    first = np.concatenate([1 - exchanged, exchanged], axis=1)
    total = np.zeros(len(flips))
    for pair in pairs:
        order = ScoreOrder(_both(*pair))
        total += measure(Weighted(order, first)) - measure(Weighted(order, 1 - first))
    return total / len(pairs)


def _both(first: Samples, second: Samples) -> Samples:
    return Samples(
        np.concatenate([first.scores, second.scores]),
        np.concatenate([first.labels, second.labels]),
        np.concatenate([first.species, second.species]),
        np.concatenate([first.clip, second.clip]),
    )


# -- Scores of one scale -----------------------------------------------------------------------------------------------


def ranked(samples: Samples) -> Samples:
    """Return the samples with their mean ranks as scores; what has no score (-inf) has none.

    >>> three = Samples(np.array([0.1, 7.0, 7.0]), np.array([0, 1, 0]), np.array(["p"] * 3), np.arange(3))
    >>> ranked(three).scores.tolist()
    [1.0, 2.5, 2.5]
    """
    from scipy.stats import rankdata

    ranks = np.where(np.isneginf(samples.scores), -np.inf, rankdata(samples.scores))
    return replace(samples, scores=ranks)


def decided(samples: Samples, threshold: float) -> Samples:
    """Return the samples with their decisions as scores: 1 where they are accepted, 0 where not."""
    accepted = (samples.scores >= threshold).astype(np.float64)
    return replace(samples, scores=accepted)


# -- Several tests -----------------------------------------------------------------------------------------------------


def holm(values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number (Holm 1979): below 0.05, all claims hold together at that level.

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    corrected, largest = [0.0] * len(values), 0.0
    for rank, place in enumerate(sorted(range(len(values)), key=lambda at: values[at])):
        largest = max(largest, min(1.0, (len(values) - rank) * values[place]))
        corrected[place] = largest
    return corrected
