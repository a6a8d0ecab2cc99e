"""What the record of a clip keeps: the frames that matter, and its notes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from fasdata.faces.tracking import REACH
from fasdata.protocols.sampling import FrameRule

# -- The frames: the record of a clip does not depend on the steps in which it was extracted --------------------------


def recorded_frames(
    n: int, has_face: Mapping[int, bool], selections: Mapping[str, Collection[int]], *, around_misses: bool
) -> set[int]:
    """Return the searched frames of a clip of `n` that its record keeps.

    `has_face` tells for every searched frame whether it shows a face, `selections` which frames each rule selected.
    Kept are the selected frames, those that a rule had to know to select them, and with `around_misses` those on both
    sides of a selected frame without a face, up to the nearest that shows one. Other frames were searched only because
    a container counts its frames wrongly, or on the way to those: with all rules at once, they might not have been.
    """
    kept = {index for selected in selections.values() for index in selected}
    if around_misses:
        for index in [index for index in kept if not has_face.get(index, False)]:
            for side in (range(index - 1, index - REACH - 1, -1), range(index + 1, index + REACH + 1)):
                kept.update(_up_to_faces(side, has_face, 1))
    for text in selections:
        kept.update(_decisive(FrameRule.parse(text), n, has_face))
    return kept & has_face.keys()


def _decisive(rule: FrameRule, n: int, has_face: Mapping[int, bool]) -> Collection[int]:
    """Return the frames of which a rule has to know whether they show a face."""
    if rule.on == "decoded":
        return ()
    if rule.kind == "first" or (rule.kind == "linspace" and rule.args[0] == 1):
        return _up_to_faces(range(n), has_face, rule.args[0])
    if rule.kind == "linspace" and rule.args[0] == 2:
        ends = (range(n), range(n - 1, -1, -1))
        return {index for end in ends for index in _up_to_faces(end, has_face, 1)}
    return range(n)


def _up_to_faces(order: range, has_face: Mapping[int, bool], wanted: int) -> set[int]:
    """Return the frames along `order` up to the `wanted`-th that shows a face."""
    frames = set()
    for index in order:
        frames.add(index)
        wanted -= has_face.get(index, False)
        if not wanted:
            break
    return frames


# -- The notes: in one order and without repeats, in however many steps the clip was extracted ------------------------


_COUNTED = re.compile(r"^(?P<what>.*) \((?P<times>\d+) of the stored frames\)$")
_TURNED = re.compile(r"stored turned; upright after (?P<angle>90|180|270) degrees clockwise")


def turned_note(angle: int) -> str:
    """Return the note on a clip whose decoded frames had to be turned."""
    return f"stored turned; upright after {angle} degrees clockwise"


def noted_turn(notes: Iterable[str]) -> int:
    """Return by how many degrees clockwise the decoded frames were turned, as a clip's notes tell; 0 if they do not."""
    return next((int(match["angle"]) for note in notes if (match := _TURNED.fullmatch(note))), 0)


def joined_notes(notes: Iterable[str], earlier: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the notes of an extraction and of the earlier one, sorted; counts of stored frames are added up."""
    plain, counts = set(), dict[str, int]()
    for note in (*notes, *earlier):
        counted = _COUNTED.match(note)
        if counted:
            counts[counted["what"]] = counts.get(counted["what"], 0) + int(counted["times"])
        else:
            plain.add(note)
    return tuple(sorted([*plain, *(f"{what} ({times} of the stored frames)" for what, times in counts.items())]))
