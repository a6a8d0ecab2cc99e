"""A decoded frame, the interface of everything that yields frames, and what sources of counted frames share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

# -- A decoded frame and the interface of everything that yields frames -----------------------------------------------


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


# -- What frame sources share whose frames are counted and named without decoding any ---------------------------------


class IndexedSource(ABC):
    """A frame source over named frames that are read one by one; frame `i` is the i-th of `names`.

    A frame that cannot be read is left out, and `damage` counts such frames and says what was wrong with the first.

    Raises:
        UnreadableMedia: there is no frame.
    """

    frame_rate = 0.0
    rotation = 0

    def __init__(self, names: Sequence[str], notes: Sequence[str] = ()) -> None:
        if not names:
            raise UnreadableMedia("; ".join(("there is no frame", *notes)))
        self.names, self.notes = tuple(names), tuple(notes)
        self.n_hint = len(names)
        self.n_decoded: int | None = len(names)
        self.damage = ""
        self._broken: dict[int, str] = {}

    def frames(self, indices: Collection[int] | None = None, *, to_end: bool = False) -> Iterator[Frame]:
        """Yield the wanted frames in order; there is nothing to count on for (`to_end` changes nothing)."""
        wanted = range(len(self.names)) if indices is None else sorted(i for i in indices if i < len(self.names))
        with self._opened() as handle:
            for index in wanted:
                try:
                    frame = self._read(handle, index)
                except Exception as error:  # the file is foreign: whatever its parser raises means the same
                    self._broken[index] = damage(error)
                else:
                    yield frame
        if self._broken:
            first = min(self._broken)
            name = self.names[first] or f"frame {first}"
            self.damage = f"{len(self._broken)} frames cannot be read ({name}: {self._broken[first]})"

    def _opened(self) -> AbstractContextManager[Any]:
        """Return what `_read` reads from, open during one pass."""
        return nullcontext()

    @abstractmethod
    def _read(self, handle: Any, index: int) -> Frame:
        """Return frame `index`.

        Raises:
            UnreadableMedia: it cannot be read.
        """
