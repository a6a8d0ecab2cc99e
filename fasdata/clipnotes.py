"""The notes on a clip, in one order and without repeats, whether it was extracted at once or little by little."""

from __future__ import annotations

import re
from collections.abc import Iterable

_COUNTED = re.compile(r"^(?P<what>.*) \((?P<times>\d+) of the stored frames\)$")
_TURNED = re.compile(r"stored turned; upright after (?P<angle>90|180|270) degrees clockwise")


def turned_note(angle: int) -> str:
    """Return the note on a clip whose decoded frames had to be turned."""
    return f"stored turned; upright after {angle} degrees clockwise"


def noted_turn(notes: Iterable[str]) -> int:
    """Return by how many degrees clockwise decoded frames were turned, as the clip's notes say: 0 where they do not."""
    return next((int(found["angle"]) for note in notes if (found := _TURNED.fullmatch(note))), 0)


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
