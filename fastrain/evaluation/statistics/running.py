"""Sum weights along samples in the order of their scores, for many weightings at once, without visiting every sample.

A weighting gives each unit (a person, or a sample of its own) a weight, which all samples of the unit have. Samples lie
in blocks. What stands before each block is a product of two matrices of whole numbers, exact in double precision (up to
2**53: some 90 million samples); only the blocks that decide are looked at sample by sample.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Whole = NDArray[np.int64]
_GATHER = 1250  # units times blocks that a product of matrices goes through while this many samples are gathered
_SMALL = 1 << 22  # entries of a table of counts that are never too many
_MOST_UNITS = 3000  # whose pairs are counted: 72 MB
_PIECE = 512  # blocks that are counted together


class Running:
    """Samples in a fixed order, of the units `unit` (n,); `units` stands for those that never count.

    Blocks of a single sample mean that there are too many units for a table of counts: every sample is visited.
    """

    def __init__(self, unit: Whole, units: int, step: int | None = None) -> None:
        self.size, self._units = len(unit), units
        self.step = step or step_of(len(unit), units)
        blocks = -(-self.size // self.step)
        padded = np.full((blocks + 1) * self.step, units)  # nothing counts behind the last sample
        padded[: self.size] = unit
        self._unit = padded.reshape(blocks + 1, self.step)
        if self.step > 1:
            cells = np.repeat(np.arange(blocks), self.step) * (units + 1) + padded[: blocks * self.step]
            counts = np.bincount(cells, minlength=blocks * (units + 1)).reshape(blocks, units + 1)
            self._before = np.zeros((units, blocks + 1))
            np.cumsum(counts[:, :units].T, axis=1, out=self._before[:, 1:])

    def of(self, weights: Whole) -> Sums:
        """Return the sums for weights (B, units + 1), whose last column is zero."""
        if self.step == 1:
            return Sums(self.everywhere(weights), 1, lambda rows, blocks: self._inside(weights, rows, blocks))
        edges = (weights[:, : self._units].astype(np.float64) @ self._before).astype(np.int64)
        return Sums(edges, self.step, lambda rows, blocks: self._inside(weights, rows, blocks))

    def everywhere(self, weights: Whole) -> Whole:
        """Return the sum before every sample and behind the last, (B, n + 1)."""
        sums = np.zeros((len(weights), self.size + 1), np.int64)
        np.cumsum(weights[:, self._unit.ravel()[: self.size]], axis=1, out=sums[:, 1:])
        return sums

    def _inside(self, weights: Whole, rows: Whole, blocks: Whole) -> Whole:
        cells: Whole = weights.ravel()[rows[:, None] * weights.shape[1] + self._unit[blocks]]
        return cells


@dataclass(frozen=True)
class Sums:
    """Sums from the first sample on: `edges` (B, blocks + 1) before each block of `step` samples, and behind the last.

    `inside` returns the weights of the samples in a block, (m, step), for m rows and a block for each.
    """

    edges: Whole
    step: int
    inside: Callable[[Whole, Whole], Whole]

    @property
    def total(self) -> Whole:
        """Return the sum of all, (B,)."""
        sums: Whole = self.edges[:, -1]
        return sums

    def joined(self, own: Whole, other: Sums, others: Whole) -> Sums:
        """Return the sums of both in one order of samples, each times a whole number a row."""
        return Sums(
            self.edges * own[:, None] + other.edges * others[:, None],
            self.step,
            lambda rows, blocks: (
                self.inside(rows, blocks) * own[rows, None] + other.inside(rows, blocks) * others[rows, None]
            ),
        )

    def upto(self, rows: Whole, blocks: Whole) -> Whole:
        """Return the sums up to each sample of a block, (m, step), for m rows and a block for each."""
        return self.edges[rows, blocks][:, None] + np.cumsum(self.inside(rows, blocks), axis=1)

    def first(self, places: Whole | int) -> Whole:
        """Return, for each row, the sum of so many first samples, (B,)."""
        rows = np.arange(len(self.edges))
        blocks, rest = np.divmod(np.broadcast_to(places, rows.shape), self.step)
        before: Whole = self.edges[rows, blocks]
        if self.step == 1:
            return before
        counts = np.arange(self.step) < rest[:, None]
        within: Whole = (self.inside(rows, blocks) * counts).sum(axis=1)
        return before + within

    def beyond(self, limit: Whole) -> Whole:
        """Return, for each row, how few first samples have a sum above `limit` (B,): more than there are, if none."""
        rows = np.arange(len(self.edges))
        blocks = (self.edges[:, 1:] <= limit[:, None]).sum(axis=1)
        if self.step == 1:
            return np.where(limit < 0, 0, blocks + 1)
        under = (self.upto(rows, blocks) <= limit[:, None]).sum(axis=1)
        return np.where(limit < 0, 0, blocks * self.step + under + 1)


def step_of(samples: int, units: int) -> int:
    """Return how many samples a block has, so that products and gathering cost alike; 1 where tables would be large.

    >>> step_of(1_000_000, 2000), step_of(1000, 50), step_of(1_000_000, 1_000_000)
    (1264, 6, 1)
    """
    step = max(1, int(np.sqrt(samples * units / _GATHER)))
    return step if units * (samples // step) <= max(4 * samples, _SMALL) else 1


def pairs_are_few(samples: int, units: int, weightings: int) -> bool:
    """Tell whether counting all pairs of units costs less than a visit to every sample for each of the weightings."""
    return units <= min(_MOST_UNITS, 10 * weightings) and units * units <= 500 * samples


def ordered_pairs(first: Whole, second: Whole, units: int) -> NDArray[np.float64]:
    """Return (units, units): how many samples of `second` each unit has behind those of `first` of each unit.

    Both are (n,), the units of samples in one order; `units` stands for a sample that is none of them.

    >>> ordered_pairs(np.array([0, 2, 1, 2]), np.array([2, 0, 2, 1]), 2).tolist()  # a, x, b, y
    [[1.0, 1.0], [0.0, 1.0]]
    """
    step = max(1, units // 10)
    ahead, behind = np.flatnonzero(first < units), np.flatnonzero(second < units)
    blocks = -(-len(first) // step)
    pairs, before = np.zeros((units, units)), np.zeros(units)
    for start in range(0, blocks, _PIECE):
        piece = min(_PIECE, blocks - start)
        ends = (start * step, (start + piece) * step)
        early, late = (of[slice(*np.searchsorted(of, ends))] for of in (ahead, behind))
        counts, others = (
            np.bincount((of // step - start) * units + unit[of], minlength=piece * units).reshape(piece, units)
            for of, unit in ((early, first), (late, second))
        )
        upto = before + np.cumsum(counts, axis=0, dtype=np.float64)
        pairs += (upto - counts).T @ others.astype(np.float64)
        before = upto[-1]
        # Inside of its block, each of the first has the second ones behind it up to the block's end.
        next_of, last_of = np.searchsorted(late, early, side="right"), np.searchsorted(late, (early // step + 1) * step)
        sizes = last_of - next_of
        places = np.arange(sizes.sum()) + np.repeat(next_of - np.cumsum(sizes) + sizes, sizes)
        cells = np.repeat(first[early] * units, sizes) + second[late[places]]
        pairs += np.bincount(cells, minlength=units * units).reshape(units, units)
    return pairs
