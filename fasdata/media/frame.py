"""The decoded frame, the interface of all frame sources, what is watched while they decode, and a base of some."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from fasdata.errors import raise_if_memory_is_short

# -- Frames and where they come from ----------------------------------------------------------------------------------

Point = tuple[float, float]
MAX_PIXELS = 64_000_000  # of a frame: more than any camera of a face dataset has; an image bomb claims more
BY_GROUPS, IN_ORDER = "groups", "in order"  # how a video is read
MAX_CLAIM = 1_000_000  # frames that a header may claim, nine hours of video; lists get the claimed length


@dataclass(frozen=True)
class Frame:
    """One upright frame; `index` is its place in the recording from 0, `pts` its time in seconds (-1 when unknown).

    `images` holds a picture for each modality: `rgb` uint8 (height, width, 3), `depth` and `ir` uint8 or uint16
    (height, width) with the bits of the release. `name` is what the release calls the frame, `eyes` the positions that
    it states of the image-left and the image-right eye.
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
    """A recording that is decoded forward, never by a seek to an estimated position."""

    frame_rate: float
    rotation: int
    n_hint: int  # number of frames that the container claims or lets one guess, 0 without either
    n_decoded: int | None  # known once a pass has reached the end
    damage: str  # what went wrong in decoding, "" if nothing did
    notes: tuple[str, ...]  # what a user of the clip should know: missing members, where rgb comes from

    def frames(self, indices: Collection[int] | None = None, *, to_end: bool = False) -> Iterator[Frame]:
        """Yield the frames of `indices` (None: all) in order; with `to_end` decode on to count the rest.

        A frame that is counted but cannot be read is left out.
        """
        ...


def claimed_frames(source: FrameSource) -> int:
    """Return the number of frames that should be there and are missing if they are not; 0 without a claim.

    Only a source whose `n_hint` may be a guess says more (`n_claimed`).
    """
    return int(getattr(source, "n_claimed", source.n_hint))


def left_out(source: FrameSource) -> Collection[int]:
    """Return the frames, as far as passes have met them, that count and can never be shown (`left_out`)."""
    frames: Collection[int] = getattr(source, "left_out", ())
    return frames


def way_read(source: FrameSource) -> str:
    """Return how a video was read (`way`): `BY_GROUPS`, or `IN_ORDER` and why; "" where there is no choice."""
    return str(getattr(source, "way", ""))


def read_in_order(source: FrameSource, why: str) -> None:
    """Have a source that may raise `Unproven` read its videos in order from now on."""
    begin_anew: Any = source
    begin_anew.read_in_order(why)


def proven_frames(source: FrameSource) -> int | None:
    """Return how many frames a video's packets prove (`n_proven`), None where it is read in order."""
    n: int | None = getattr(source, "n_proven", None)
    return n


class UnreadableMedia(Exception):
    """A recording from which not one frame could be decoded; the text says why."""


class Unproven(Exception):
    """Which frame of a video is which is not proven: it has to be read in order (`read_in_order`), from the beginning.

    The text says why in one of few phrases.
    """


def describe_damage(error: Exception) -> str:
    """Return in one line why a file cannot be read, given whatever its parser raised.

    On a broken or hostile file a parser may raise anything, and no file may stop the work on the others.

    Raises:
        MemoryError: the system gives no more memory, which is no fault of the file.
    """
    raise_if_memory_is_short(error)
    if isinstance(error, UnreadableMedia):
        return str(error)
    # Parsers quote what they read: it may be any characters, and this text is shown on terminals.
    printable = "".join(letter if letter.isprintable() else "?" for letter in one_line(error))
    return f"the file is damaged ({type(error).__name__}: {printable[:200]})"


def error_line(error: Exception) -> str:
    """Return the message of an error in one line, without the path that an `OSError` adds to it.

    Raises:
        MemoryError: as `describe_damage`.
    """
    raise_if_memory_is_short(error)
    return one_line(getattr(error, "strerror", None) or error)


def one_line(text: object) -> str:
    """Return a text in one line, single blanks between its words."""
    return " ".join(str(text).split())


# -- Who watches whether decoding goes on -----------------------------------------------------------------------------

_watching = threading.local()


@contextmanager
def watched(beat: Callable[[], None]) -> Iterator[None]:
    """Call `beat` for every frame that this thread decodes in the block, wanted or only counted."""
    _watching.beat = beat
    try:
        yield
    finally:
        del _watching.beat


def decoded() -> None:
    """Say that a frame was decoded; every frame source does, for each."""
    if beat := getattr(_watching, "beat", None):
        beat()


# -- Sources whose frames are counted and named without decoding ------------------------------------------------------


class IndexedSource(ABC):
    """A frame source over named frames that are read singly; frame `i` is the i-th of `names`.

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
        """Yield the wanted frames in order; `to_end` has no effect, since the frames are counted already."""
        wanted = range(len(self.names)) if indices is None else sorted(i for i in indices if i < len(self.names))
        with self._open() as handle:
            for index in wanted:
                decoded()
                try:
                    frame = self._read(handle, index)
                except Exception as error:  # the file is foreign: whatever its parser raises means the same
                    self._broken[index] = describe_damage(error)
                else:
                    yield frame
        if self._broken:
            first = min(self._broken)
            name = self.names[first] or f"frame {first}"
            self.damage = f"{len(self._broken)} frames cannot be read ({name}: {self._broken[first]})"

    def _open(self) -> AbstractContextManager[Any]:
        """Return the handle that `_read` reads from; it is open during one pass."""
        return nullcontext()

    @abstractmethod
    def _read(self, handle: Any, index: int) -> Frame:
        """Return frame `index`.

        Raises:
            UnreadableMedia: it cannot be read.
        """


def turn(image: np.ndarray, clockwise: int) -> np.ndarray:
    """Return `image` turned clockwise by 0, 90, 180 or 270 degrees, as contiguous memory."""
    return np.ascontiguousarray(np.rot90(image, k=-(clockwise // 90) % 4)) if clockwise % 360 else image
