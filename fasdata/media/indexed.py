"""What frame sources share whose frames are counted and named without decoding any."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from fasdata.media.frame import Frame, UnreadableMedia, damage


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
