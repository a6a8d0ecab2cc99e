"""The interval of a difference of two rates, and of the largest one between several groups."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastrain.evaluation.statistics.proportions import APART, Interval


def difference(first: tuple[float, Interval], second: tuple[float, Interval]) -> tuple[float, float]:
    """Return the ends of the interval of first minus second, each a rate with its interval (MOVER: Newcombe 1998).

    The two count as independent: of groups that share people, who err in both alike, it is wider than it has to be.

    >>> ends = difference((0.5, Interval(0.2, 0.8)), (0.1, Interval(0.06, 0.5)))
    >>> [round(end, 4) for end in ends]  # 0.3 and 0.4 below, 0.3 and 0.04 above
    [-0.1, 0.7027]
    """
    (a, of_a), (b, of_b) = first, second
    below = float(np.hypot(a - of_a.low, of_b.high - b))
    return a - b - below, a - b + float(np.hypot(of_a.high - a, b - of_b.low))


def furthest_apart(
    rates: Sequence[float], intervals: Sequence[Interval], strict: Sequence[Interval]
) -> tuple[Interval, int, int]:
    """Return the interval of the largest difference between two groups, and the places of the higher and lower one.

    As in `worst_of`, it is at most the highest upper end of all pairs, since that of the pair that differs most, which
    ever it is, holds by itself; and at least every lower end at once, so `strict` has the groups' intervals at a level
    corrected for the number of pairs. It begins at 0 where no difference is shown.

    >>> alike = [Interval(0.0, 0.2)] * 3
    >>> furthest_apart([0.1, 0.1, 0.1], alike, alike)[0].low
    0.0
    """
    places = range(len(rates))
    pairs = [(i, j) for i in places for j in places if i != j]
    low = max(difference((rates[i], strict[i]), (rates[j], strict[j]))[0] for i, j in pairs)
    high = max(difference((rates[i], intervals[i]), (rates[j], intervals[j]))[1] for i, j in pairs)
    highest, lowest = int(np.argmax(rates)), int(np.argmin(rates))
    return Interval(max(low, 0.0), min(high, 1.0), rule=APART), highest, lowest
