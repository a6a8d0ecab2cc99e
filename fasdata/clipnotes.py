"""The notes on a clip, in one order and without repeats, whether it was extracted at once or little by little."""

from __future__ import annotations

import re
from collections.abc import Iterable

_COUNTED = re.compile(r"^(?P<what>.*) \((?P<times>\d+) of the stored frames\)$")


def joined_notes(notes: Iterable[str], earlier: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the notes of an extraction and of the one that it widens, sorted; counts of stored frames are added up."""
    plain, counts = set(), dict[str, int]()
    for note in (*notes, *earlier):
        counted = _COUNTED.match(note)
        if counted:
            counts[counted["what"]] = counts.get(counted["what"], 0) + int(counted["times"])
        else:
            plain.add(note)
    return tuple(sorted([*plain, *(f"{what} ({times} of the stored frames)" for what, times in counts.items())]))
