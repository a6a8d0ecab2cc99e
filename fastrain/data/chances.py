"""Random numbers for a place in a stream: a function of the place alone, whoever asks and when."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np


class Chances:
    """One generator for every position of what `key` names.

    Philox works by counter: the position is put into the upper half of it, which costs a tenth of seeding a generator
    anew and leaves 2^64 blocks to each position. Keys and positions are whole numbers from 0 up.
    """

    def __init__(self, *key: int) -> None:
        self._key = np.random.SeedSequence(key).generate_state(2, np.uint64)
        self._own = threading.local()

    def at(self, position: int) -> np.random.Generator:
        """Return the generator of `position`; it is this thread's, and good until the thread asks for another."""
        try:
            generator, bits, state, counter = self._own.kept
        except AttributeError:
            generator, bits, state, counter = self._own.kept = self._new()
        counter[2] = position
        bits.state = state
        return generator

    def _new(self) -> tuple[np.random.Generator, np.random.Philox, dict[str, Any], np.ndarray]:
        bits = np.random.Philox(key=self._key)
        state: dict[str, Any] = dict(bits.state)
        return np.random.Generator(bits), bits, state, state["state"]["counter"]
