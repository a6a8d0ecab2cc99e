"""Intervals of error rates that hold at 0 and at 100 %, and where each person gave many presentations.

A rate is a proportion of presentations, and those of one person resemble one another. How much they do is the *design
effect*: how many times the variance over people exceeds that of as many independent presentations. The interval is that
of Clopper and Pearson (1934) for as many independent presentations as the people's are worth (Korn and Graubard 1998).

Where few people err, the design effect cannot be estimated: without any error its estimate is zero by zero. So the
correlation within people starts at 1, which makes a person worth one presentation, and gives way to its estimate as
erring people come in; the start weighs as much as `PRIOR` of them. No error at all therefore rests on the number of
*people*: with four of them, 0 % may be up to 60 %.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.95
PRIOR = 2.0  # erring people; `benchmarks/coverage.py` measures what it does to the coverage

# What an interval rests on, as it is named beside a number, and in words.
EXACT, WORST, JOINED, RESAMPLED, TWO_LEVEL = "exact", "worst", "joined", "resampled", "two-level"
AVERAGED, APART = "averaged", "apart"
RULES = {
    EXACT: "Clopper-Pearson on as many presentations as the people's are worth, which without errors is one a person",
    WORST: "over all species: the lowest end, corrected for their number, and the highest",
    JOINED: "the exact intervals of the two rates joined by squares (MOVER); at least the exact one of their mean",
    RESAMPLED: "people resampled, percentiles; never narrower than the exact interval at the same operating point",
    APART: "exact intervals of two groups joined by squares (MOVER): the lowest end of all pairs, corrected for the "
    "number of pairs, rates and fields compared, and the highest",
    TWO_LEVEL: "the interval over people of the mean over seeds, widened by what the mean varies with the seeds",
    AVERAGED: "the intervals of the protocols or targets joined by squares, where their people are different ones",
}


def rules_note(*names: str) -> str:
    """Return what the names of rules mean, in one sentence for the foot of a table; without a name those of a run."""
    return "; ".join(f"{name}: {RULES[name]}" for name in names or (EXACT, WORST, JOINED, RESAMPLED))


@dataclass(frozen=True)
class Interval:
    """The ends of an interval, the standard deviation over resamples (NaN where none are drawn), and its rule.

    `size`: as many independent presentations as it rests on, NaN where its rule counts none.
    """

    low: float
    high: float
    sd: float = float("nan")
    rule: str = ""
    size: float = float("nan")


def clopper_pearson(
    errors: ArrayLike, size: ArrayLike, level: float = LEVEL
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ends of the two-sided exact interval of `errors` in `size` trials; neither has to be whole.

    >>> [round(float(end), 4) for end in clopper_pearson(0, 4)]  # 1 - 0.025 ** (1 / 4)
    [0.0, 0.6024]
    """
    from scipy.special import betaincinv

    wrong, of = np.asarray(errors, np.float64), np.asarray(size, np.float64)
    right = np.maximum(of - wrong, 0.0)
    tail = (1 - level) / 2
    # A parameter of zero would be NaN; where it is zero the end is 0 or 1 whatever it is.
    low = np.where(wrong > 0, betaincinv(np.where(wrong > 0, wrong, 1.0), right + 1, tail), 0.0)
    high = np.where(right > 0, betaincinv(wrong + 1, np.where(right > 0, right, 1.0), 1 - tail), 1.0)
    return low, high


def effective_size(errors: ArrayLike, clips: ArrayLike, *, steps: int = 1, prior: float = PRIOR) -> NDArray[np.float64]:
    """Return how many independent presentations those of the people are worth: shape (...,) of (..., people).

    `errors` and `clips` (at least one) are those of each person. Errors may be whole multiples of 1 / `steps`.
    Numbers that have a common divisor count as what they could be copies of: copies of recordings tell nothing new.
    """
    wrong, of = np.asarray(errors, np.float64), np.asarray(clips, np.float64)
    people = of.shape[-1]
    common = _common_divisor(wrong, of, steps)
    total = of.sum(axis=-1) / common
    a_person = (of**2).sum(axis=-1) / common / of.sum(axis=-1)  # clips of the person of a random clip
    rate = wrong.sum(axis=-1) / of.sum(axis=-1)
    spread = ((wrong - rate[..., None] * of) ** 2).sum(axis=-1) / of.sum(axis=-1) ** 2 * people / max(people - 1, 1)
    certain = (rate <= 0) | (rate >= 1) | (people < 2)
    effect = total * spread / np.where(certain, 1.0, rate * (1 - rate)) * _few_people(total, people)
    effect = np.where(certain, a_person, np.clip(effect, 1.0, a_person))
    erring = np.minimum((wrong > 0).sum(axis=-1), (wrong < of).sum(axis=-1))
    return np.asarray(total * (erring + prior) / (erring * effect + prior * a_person))


def _few_people(total: NDArray[np.float64], people: int) -> NDArray[np.float64]:
    """Return Korn and Graubard's factor: a variance over few people is itself uncertain."""
    from scipy.special import stdtrit

    if people < 2:
        return np.ones_like(total)
    return np.asarray((stdtrit(people - 1, 0.975) / stdtrit(np.maximum(total - 1, 1), 0.975)) ** 2, np.float64)


def _common_divisor(wrong: NDArray[np.float64], of: NDArray[np.float64], steps: int) -> NDArray[np.float64]:
    counted = np.rint(np.concatenate([wrong * steps, of], axis=-1)).astype(np.int64)
    return np.asarray(np.gcd.reduce(counted, axis=-1), np.float64)


def proportion_interval(
    wrong: NDArray[Any], unit: NDArray[np.int64], *, steps: int = 1, level: float = LEVEL
) -> Interval:
    """Return the interval of the mean of `wrong` (N,), shares from 0 to 1, of presentations of the people `unit` (N,).

    NaN ends without a presentation. Where each person has one presentation it is Clopper and Pearson's own.

    >>> nobody_errs = proportion_interval(np.zeros(40), np.repeat(np.arange(4), 10))  # four people, ten clips each
    >>> nobody_errs.low, round(nobody_errs.high, 4), nobody_errs.rule
    (0.0, 0.6024, 'exact')
    """
    if not len(wrong):
        return Interval(np.nan, np.nan, rule=EXACT)
    clips = np.bincount(unit)
    errors, clips = np.bincount(unit, weights=wrong)[clips > 0], clips[clips > 0]
    size = effective_size(errors, clips, steps=steps)
    low, high = clopper_pearson(size * (errors.sum() / clips.sum()), size, level)
    return Interval(float(low), float(high), rule=EXACT, size=float(size))


def worst_of(rates: Sequence[Interval], lowest: Sequence[Interval]) -> Interval:
    """Return the interval of the largest of several rates.

    It is at most the highest upper end: that of the worst rate, whichever it is, holds by itself. It is at least every
    lower end at once, so `lowest` has those at a level corrected for their number (`corrected`).
    """
    return Interval(max(rate.low for rate in lowest), max(rate.high for rate in rates), rule=WORST)


def corrected(level: float, number: int) -> float:
    """Return the level at which each of so many intervals has to hold for all to hold at `level` (Bonferroni).

    >>> round(corrected(0.95, 5), 4)
    0.99
    """
    return 1 - (1 - level) / max(number, 1)


def mean_of_two(
    first: tuple[float, Interval], second: tuple[float, Interval], correlation: float = 0.0, level: float = LEVEL
) -> Interval:
    """Return the interval of the mean of two rates, each given with its interval (MOVER: Zou and Donner 2008).

    `correlation` is that of the two estimates; a negative one would make the interval narrower and counts as none. With
    one error on each side the joined interval would begin too high, so it is never narrower than the exact interval of
    the mean, on as many presentations as give a proportion the variance that the mean has, where it has one.

    >>> thirds = (0.5, Interval(0.2, 0.8, size=9.0)), (0.1, Interval(0.06, 0.5, size=9.0))  # 0.3 and 0.4 above
    >>> joined = mean_of_two(*thirds)
    >>> round(joined.low, 4), round(joined.high, 4)
    (0.1266, 0.55)
    """
    (a, of_a), (b, of_b) = first, second
    shared = 2 * max(correlation, 0.0)
    middle = (a + b) / 2

    def distance(x: float, y: float) -> float:
        return float(np.sqrt(x * x + y * y + shared * x * y)) / 2

    low = middle - distance(a - of_a.low, b - of_b.low)
    high = middle + distance(of_a.high - a, of_b.high - b)
    spread = [float(np.sqrt(rate * (1 - rate) / of.size)) for rate, of in (first, second)]
    variance = distance(*spread) ** 2
    if variance == 0:
        return Interval(max(low, 0.0), min(high, 1.0), rule=JOINED)
    size = middle * (1 - middle) / variance
    ends = clopper_pearson(size * middle, size, level)
    return Interval(max(min(low, float(ends[0])), 0.0), min(max(high, float(ends[1])), 1.0), rule=JOINED, size=size)


def mean_of_many(rates: Sequence[tuple[float, Interval]], people: Sequence[Hashable]) -> Interval:
    """Return the interval of the mean of several rates, each given with its interval (MOVER: Zou and Donner 2008).

    `people` tells whose each rate is. Those of different people are independent, and their distances from the middle
    are joined by squares; those of the same people may err together, and their distances are added up.

    >>> apart = [(0.2, Interval(0.1, 0.3)), (0.4, Interval(0.3, 0.5))]
    >>> [round(end, 4) for end in vars(mean_of_many(apart, ["a", "b"])).values() if isinstance(end, float)][:2]
    [0.2293, 0.3707]
    >>> [round(end, 4) for end in vars(mean_of_many(apart, ["a", "a"])).values() if isinstance(end, float)][:2]
    [0.2, 0.4]
    """
    middle = sum(rate for rate, _ in rates) / len(rates)
    below: dict[Hashable, float] = {}
    above: dict[Hashable, float] = {}
    for (rate, of), whose in zip(rates, people, strict=True):
        below[whose] = below.get(whose, 0.0) + rate - of.low
        above[whose] = above.get(whose, 0.0) + of.high - rate
    low, high = (float(np.sqrt(sum(d * d for d in ends.values()))) / len(rates) for ends in (below, above))
    return Interval(max(middle - low, 0.0), min(middle + high, 1.0), rule=AVERAGED)


# -- People and seeds together ----------------------------------------------------------------------------------------


def with_seeds(interval: Interval, values: NDArray[np.float64], people: int, level: float = LEVEL) -> Interval:
    """Return the interval of a mean over seeds whose interval over `people`, for these very seeds, is `interval`.

    `values` are those of each seed. How far their mean varies with the seeds is added as in `mean_of_two`, by Student's
    quantile for as many degrees of freedom as the two variances have together (Satterthwaite 1946): two seeds say
    little about a third, unless they agree. With one seed nothing is known of others, and nothing is added.

    >>> two = with_seeds(Interval(0.10, 0.30), np.array([0.19, 0.21]), people=30)
    >>> round(two.low, 4), round(two.high, 4), two.rule
    (0.0979, 0.3021, 'two-level')
    """
    from scipy.special import stdtrit

    if len(values) < 2 or not np.isfinite([interval.low, interval.high]).all():
        return interval
    middle, of_seeds = float(values.mean()), float(values.var(ddof=1)) / len(values)
    tail = (1 + level) / 2
    of_people = ((interval.high - interval.low) / 2 / float(stdtrit(1e6, tail))) ** 2
    total = of_people + of_seeds
    freedom = total**2 / (of_people**2 / max(people - 1, 1) + of_seeds**2 / (len(values) - 1)) if total > 0 else 1.0
    extra = float(stdtrit(freedom, tail)) * float(np.sqrt(of_seeds))
    low = middle - float(np.hypot(middle - interval.low, extra))
    high = middle + float(np.hypot(interval.high - middle, extra))
    return Interval(max(low, 0.0), min(high, 1.0), interval.sd, TWO_LEVEL)
