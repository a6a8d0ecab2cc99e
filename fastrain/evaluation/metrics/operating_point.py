"""A threshold and what it does."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class OperatingPoint:
    """`far` and `frr` at `threshold`; all NaN where a class is missing, threshold inf where everything is rejected."""

    threshold: float
    far: float
    frr: float

    @property
    def hter(self) -> float:
        """Return (FAR + FRR) / 2."""
        return (self.far + self.frr) / 2
