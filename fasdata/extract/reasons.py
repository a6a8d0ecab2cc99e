"""Group reasons and notes that differ only in their counts, and show a real one of each group."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

_QUOTED = r"""(?<!\w)(?:'[^']*'|"[^"]*")(?!\w)"""
# A number that stands alone; not one in a file's name, an image size, or the parameters of a frame rule.
_COUNT = r"(?:(?<!\S)|(?<=\s\())\d+(?:\.\d+)?(?=[.,;:)%]*(?:\s|$))"
_QUOTED_OR_COUNT = re.compile(f"{_QUOTED}|(?P<count>{_COUNT})")


@dataclass
class ReasonGroup:
    """Texts that differ only in their counts: the first of them, its recording, and how often each text occurred."""

    first: str
    path: str
    times: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """How many texts are in the group."""
        return self.times.total()

    def __str__(self) -> str:
        others = self.total - self.times[self.first]
        return f"{self.first} (and {others} more with other numbers)" if others else self.first


# Notes are part of a clip's record and so of its content hash: what stores hold stays, readers get plain words.
_IN_PLAIN_WORDS = {
    "only 1 frames to count, positions were held at the last": "a single frame, which stands for every position",
    "positions were held at the last": "later positions repeat the last frame",
}


class Reasons:
    """Reasons or notes of many recordings in groups, apart by `kind` (such as label and status).

    >>> reasons = Reasons()
    >>> for path, frames in (("a.avi", 12), ("b.avi", 12), ("c.avi", 9)):
    ...     reasons.add(f"no usable face in {frames} frames", path, "attack")
    >>> [(kind, str(group), group.total, group.path) for kind, group in reasons.ranked()]
    [(('attack',), 'no usable face in 12 frames (and 1 more with other numbers)', 3, 'a.avi')]
    """

    def __init__(self) -> None:
        self._groups: dict[tuple[tuple[str, ...], str], ReasonGroup] = {}

    def add(self, text: str, path: str, *kind: str) -> None:
        """Add the text of one recording."""
        for stored, plain in _IN_PLAIN_WORDS.items():
            text = text.replace(stored, plain)
        group = self._groups.setdefault((kind, without_counts(text)), ReasonGroup(text, path))
        group.times[text] += 1

    def ranked(self) -> list[tuple[tuple[str, ...], ReasonGroup]]:
        """Return kind and group, the largest group first, equal ones in the order of kind and text."""
        ranked = sorted(self._groups.items(), key=lambda entry: (-entry[1].total, entry[0]))
        return [(kind, group) for (kind, _), group in ranked]

    def __len__(self) -> int:
        return len(self._groups)


def without_counts(text: str) -> str:
    """Return the text with `#` for each count; numbers inside quotes and names stay.

    >>> without_counts("ssdg(2)@decoded: only 8 frames, see 'part 3' and clip12.avi")
    "ssdg(2)@decoded: only # frames, see 'part 3' and clip12.avi"
    """
    return _QUOTED_OR_COUNT.sub(lambda match: "#" if match["count"] else match[0], text)
