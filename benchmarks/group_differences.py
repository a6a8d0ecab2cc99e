"""How often the interval of the largest difference between groups holds it, in studies made by chance.

Run: python benchmarks/group_differences.py [--studies 1000]
A study draws 2, 4 or 8 groups of 15, 30 or 60 people with 1 or 10 clips each, correlated within people by 0 or 0.5. In
a world without a difference every group has the same rate (1, 5, 20 %); in one with it the first has 20 points more.
The truth is the difference of the true rates. Beside the interval that stands beside the number: how often a difference
is said to be there (its lower end above 0), and the percentile interval of resampled people, which nobody is shown.
"""

from __future__ import annotations

import argparse
from itertools import product

import numpy as np
from numpy.typing import NDArray

from fastrain.evaluation.statistics.differences import furthest_apart
from fastrain.evaluation.statistics.proportions import (
    LEVEL,
    Interval,
    clopper_pearson,
    corrected,
    effective_size,
)

GROUPS, PEOPLE, CLIPS, ALIKE, RATES, MORE = (2, 4, 8), (15, 30, 60), (1, 10), (0.0, 0.5), (0.01, 0.05, 0.2), (0.0, 0.2)
RESAMPLES = 300
Errors = NDArray[np.int64]


def main() -> None:
    """Print a row for each number of groups and people, with and without a difference: the least of its cells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=1000, help="of each cell")
    studies = parser.parse_args().studies
    print("| groups | people in each | difference | least held | most often shown | least often shown | percentiles |")
    print("|---|---|---|---|---|---|---|")
    random = np.random.default_rng(0)
    for groups, people, more in product(GROUPS, PEOPLE, MORE):
        cells = [
            np.mean([study(random, groups, people, clips, alike, rate, more) for _ in range(studies)], axis=0)
            for clips, alike, rate in product(CLIPS, ALIKE, RATES)
        ]
        held, shown, naive = np.array(cells).T
        numbers = (held.min(), shown.max(), shown.min(), naive.min())
        print(
            f"| {groups} | {people} | {100 * more:g} | " + " | ".join(f"{100 * n:.1f}" for n in numbers) + " |",
            flush=True,
        )


def study(
    random: np.random.Generator, groups: int, people: int, clips: int, alike: float, rate: float, more: float
) -> tuple[bool, bool, bool]:
    """Tell of a study whether the interval holds the truth, whether it shows a difference, whether percentiles hold."""
    rates = np.full(groups, rate)
    rates[0] += more
    own = np.repeat(rates[:, None], people, axis=1)
    if alike:
        own = random.beta(own * (1 / alike - 1), (1 - own) * (1 / alike - 1))
    errors = random.binomial(clips, own)
    size = effective_size(errors, np.full((groups, people), clips))
    shares = errors.mean(axis=1) / clips
    pairs = groups * (groups - 1) // 2
    both = [_intervals(shares, size, level) for level in (LEVEL, corrected(LEVEL, pairs))]
    interval, _, _ = furthest_apart(list(shares), *both)
    low, high = _percentiles(random, errors / clips)
    return interval.low <= more + 1e-12 <= interval.high, interval.low > 0, low <= more <= high


def _intervals(shares: NDArray[np.float64], size: NDArray[np.float64], level: float) -> list[Interval]:
    ends = clopper_pearson(size * shares, size, level)
    return [Interval(float(low), float(high)) for low, high in zip(*ends, strict=True)]


def _percentiles(random: np.random.Generator, shares: NDArray[np.float64]) -> tuple[float, float]:
    groups, people = shares.shape
    drawn = random.integers(0, people, (RESAMPLES, groups, people))
    means = np.take_along_axis(shares[None], drawn, axis=2).mean(axis=2)
    low, high = np.quantile(means.max(axis=1) - means.min(axis=1), [0.025, 0.975])
    return float(low), float(high)


if __name__ == "__main__":
    main()
