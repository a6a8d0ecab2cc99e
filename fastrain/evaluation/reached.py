"""Put an AUC into words that its interval allows, and no others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeAlias

from fasdata.page.spelling import ratio

Ends: TypeAlias = tuple[float, float]

# Rules of thumb for an AUC at clip level.
LEARNED = 0.80
SOMETHING = 0.65
GUESSING = 0.50


@dataclass(frozen=True)
class Reached:
    """An AUC: its value in each of several runs, and the ends of its interval, None where that is not known.

    A word such as "carries over" is about the ends: `at_least` and `below` hold for the whole interval.

    >>> Reached((0.688,), (0.31, 0.94)).above_guessing, Reached((0.91,), (0.83, 0.97)).at_least(LEARNED)
    (False, True)
    """

    values: tuple[float, ...] = ()
    ends: Ends | None = None

    @classmethod
    def of(cls, values: Sequence[float], intervals: Sequence[Ends | None]) -> Reached:
        """Return the AUC of runs, each with its interval over people, in the same order.

        Of several runs the interval has the medians of their ends, stretched to the lowest and the highest run, so that
        it is about people and about runs. It is not known where that of one run is not.

        >>> Reached.of([0.90, 0.80, 0.96], [(0.84, 0.95), (0.70, 0.90), (0.90, 0.99)]).ends
        (0.8, 0.96)
        """
        known = [ends for ends in intervals if ends is not None]
        if not values or len(known) < len(values):
            return cls(tuple(values))
        low, high = (median(ends[side] for ends in known) for side in (0, 1))
        return cls(tuple(values), (min(low, *values), max(high, *values)) if len(values) > 1 else (low, high))

    def __bool__(self) -> bool:
        return bool(self.values)

    @property
    def middle(self) -> float:
        """Return the median over runs."""
        return median(self.values)

    def at_least(self, limit: float) -> bool:
        """Tell whether the whole interval lies at or above a limit."""
        return self.ends is not None and self.ends[0] >= limit

    def below(self, limit: float) -> bool:
        """Tell whether the whole interval lies below a limit."""
        return self.ends is not None and self.ends[1] < limit

    @property
    def above_guessing(self) -> bool:
        """Tell whether guessing is ruled out."""
        return self.ends is not None and self.ends[0] > GUESSING

    def __str__(self) -> str:
        """Return it as numbers: `0.688 [0.310, 0.940]`."""
        return str(ratio(self.middle, ends=self.ends)) if self.values else "not computed"

    def words(self) -> str:
        """Return it with what it is, and over how many runs.

        >>> Reached((0.91, 0.97, 0.93), (0.85, 0.99)).words()
        'a median AUC of 0.930 [0.850, 0.990] over 3 runs (0.910 to 0.970)'
        """
        if len(self.values) < 2:
            return f"an AUC of {self}"
        low, high = ratio(min(self.values)), ratio(max(self.values))
        return f"a median AUC of {self} over {len(self.values)} runs ({low} to {high})"


NOTHING = Reached()


def carried(unseen: Reached) -> str:
    """Say what carries over to a domain from which nothing was trained on.

    >>> carried(Reached((0.688,), (0.31, 0.94)))
    'whether anything carries over cannot be told, since guessing is not ruled out'
    """
    if unseen.ends is None:
        return "without an interval nothing can be said of what carries over"
    if unseen.at_least(LEARNED):
        return "what it learned carries over"
    if unseen.below(GUESSING):
        return "it ranks them the wrong way round there"
    if unseen.below(SOMETHING):
        return "little or nothing carries over"
    if not unseen.above_guessing:
        return "whether anything carries over cannot be told, since guessing is not ruled out"
    if unseen.at_least(SOMETHING):
        return "what it learned carries over, at least in part"
    return "something carries over, but how much cannot be told"
