"""A decoded frame and the interface of everything that yields frames."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

Point = tuple[float, float]
MAX_PIXELS = 64_000_000  # of a frame: beyond any camera of a face dataset; an image bomb claims more
MAX_CLAIM = 1_000_000  # frames that a header is believed to stand for, nine hours; lists as long are made of its word


@dataclass(frozen=True)
class Frame:
    """One upright frame: its 0-based place in the recording and its presentation time in seconds (-1 when unknown).

    `images` holds a picture a modality: `rgb` uint8 (height, width, 3), `depth` and `ir` uint8 or uint16 (height,
    width) with the bits of the release. `name` is what the release calls the frame, `eyes` where it says the
    image-left and the image-right eye are.
    """

    index: int
    pts: float
    images: Mapping[str, np.ndarray]
    name: str = ""
    eyes: tuple[Point, Point] | None = None

    @property
    def rgb(self) -> np.ndarray:
        """The colour picture."""
        return self.images["rgb"]


class FrameSource(Protocol):
    """Anything that decodes forward and never seeks by guess."""

    frame_rate: float
    rotation: int
    n_hint: int  # frames the container claims, 0 when it does not say
    n_decoded: int | None  # known once a pass has reached the end
    damage: str  # what went wrong in decoding, "" when nothing did
    notes: tuple[str, ...]  # what a reader of the clip should know: missing members, where rgb comes from

    def frames(self, indices: Collection[int] | None = None, *, to_end: bool = False) -> Iterator[Frame]:
        """Yield the frames of `indices` (None: all) in order; with `to_end` decode on to count the rest.

        A frame that is counted and cannot be read is left out.
        """
        ...


class UnreadableMedia(Exception):
    """A recording from which not one frame could be decoded; the text says why."""


def damage(error: Exception) -> str:
    """Return in one line why a file cannot be read, given whatever its parser raised.

    Files may come from anywhere, and of a broken one a parser may raise anything; none of it may stop the others.
    """
    if isinstance(error, UnreadableMedia):
        return str(error)
    told = " ".join(str(error).split())
    # Parsers quote what they found: it may be anything, and this is shown on terminals.
    plain = "".join(letter if letter.isprintable() else "?" for letter in told)
    return f"the file is damaged ({type(error).__name__}: {plain[:200]})"
