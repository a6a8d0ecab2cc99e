"""A decoded frame and the interface of everything that yields frames."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Frame:
    """One upright frame: 0-based decode index, presentation time in seconds (-1 when the container has none), RGB.

    `rgb` is uint8 of shape (height, width, 3).
    """

    index: int
    pts: float
    rgb: np.ndarray


class FrameSource(Protocol):
    """Anything that decodes forward and never seeks by guess."""

    frame_rate: float
    rotation: int
    n_hint: int  # frames the container claims, 0 when it does not say
    n_decoded: int | None  # known once a pass has reached the end
    damage: str  # what went wrong in decoding, "" when nothing did

    def frames(self, indices: Collection[int] | None = None, *, to_end: bool = False) -> Iterator[Frame]:
        """Yield the frames of `indices` (None: all) in order; with `to_end` decode on to count the rest."""
        ...


class UnreadableMedia(Exception):
    """A recording from which not one frame could be decoded; the text says why."""
