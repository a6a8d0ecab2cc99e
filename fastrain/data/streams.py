"""Endless shuffled passes over a group of samples, without any state but a position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass
class GroupStream:
    """An endless stream over `members`: pass after pass, each in an order fixed by `key` and the number of the pass.

    A position counts the images taken since the start, so it is all there is to save. With `fill` false the last
    batch of a pass may be short (as the loaders of HFN_MP's reference keep it); with `fill` true the next pass
    completes it.
    """

    members: np.ndarray
    key: Sequence[int]
    fill: bool = False
    _order: tuple[int, np.ndarray] = field(default=(-1, np.empty(0, np.int64)), repr=False)

    def batch(self, position: int, size: int) -> np.ndarray:
        """Return `size` members from `position` on, fewer only where a pass ends and `fill` is off."""
        taken = self._rest(position)[:size]
        while self.fill and len(taken) < size:
            more = self._rest(position + len(taken))[: size - len(taken)]
            taken = np.concatenate([taken, more])
        return taken

    def _rest(self, position: int) -> np.ndarray:
        number, offset = divmod(position, len(self.members))
        if self._order[0] != number:
            shuffled = np.random.default_rng([*self.key, number]).permutation(self.members)
            self._order = (number, shuffled)
        return self._order[1][offset:]
