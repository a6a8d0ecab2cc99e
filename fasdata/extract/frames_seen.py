"""What is known of a clip's frames while it is searched, and what its record keeps of them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from fasdata.extract.cropping import Cropped
from fasdata.faces.tracking import REACH
from fasdata.media.frame import Frame
from fasdata.media.video import turn
from fasdata.protocols.sampling import FrameRule
from fasdata.records import ClipRecord, Face

# -- What is known of the frames of one clip while it is searched -----------------------------------------------------


@dataclass
class Seen:
    """What is known so far, by frame index.

    `searched` tells for every searched frame whether a face was observed on it. `unreadable` were counted but cannot
    be read. `settled` are frames that an earlier extraction has stored, or left out, for good. `extra_turn` is how far
    the decoded frames are turned clockwise to be upright.
    """

    faces: dict[int, Face] = field(default_factory=dict)
    searched: dict[int, bool] = field(default_factory=dict)
    n_faces: dict[int, int] = field(default_factory=dict)
    pts: dict[int, float] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    sizes: dict[int, tuple[int, int]] = field(default_factory=dict)
    crops: dict[int, Cropped] = field(default_factory=dict)
    unreadable: set[int] = field(default_factory=set)
    settled: set[int] = field(default_factory=set)
    size: tuple[int, int] = (0, 0)
    extra_turn: int = 0

    def upright(self, frame: Frame) -> dict[str, np.ndarray]:
        """Return the images of a frame, all turned as the clip needs it."""
        return {name: turn(image, self.extra_turn) for name, image in frame.images.items()}


def seen_before(record: ClipRecord) -> Seen:
    """Return what an earlier extraction of the clip found.

    Frames that it searched in vain and did not have to settle are left out: if they are chosen now, more has to be
    known of them.
    """
    # The frames that decided about the turn need not be among those that the record keeps: its notes tell.
    seen = Seen(size=(record.width, record.height), extra_turn=noted_turn(record.notes))
    seen.settled = {index for indices in record.selections.values() for index in indices}
    for frame in record.frames:
        if frame.face_observed and frame.box is not None:
            seen.faces[frame.index] = Face(frame.box, frame.landmarks or (), frame.score)
        elif frame.index not in seen.settled:
            continue
        seen.searched[frame.index] = frame.face_observed
        seen.n_faces[frame.index] = frame.n_faces
        seen.pts[frame.index], seen.names[frame.index] = frame.pts, frame.name
    return seen


# -- Which searched frames a record keeps: those that matter, so that it does not tell in which steps it came about ---


def kept_frames(
    n: int, has_face: Mapping[int, bool], selections: Mapping[str, Collection[int]], *, around_misses: bool
) -> set[int]:
    """Return the frames of a clip of `n` that decide what its rules take and what its misses become.

    `has_face` tells the outcome of every searched frame, `selections` what each rule took. Kept are the frames that a
    rule took, those it had to know for it, and with `around_misses` those on both sides of a taken frame without a
    face, up to the nearest that shows one. Others were looked at because a container counts its frames wrongly, or on
    the way to what was looked for: had the rules been asked for at once, they might not have been.
    """
    kept = {index for chosen in selections.values() for index in chosen}
    if around_misses:
        for index in [index for index in kept if not has_face.get(index, False)]:
            for side in (range(index - 1, index - REACH - 1, -1), range(index + 1, index + REACH + 1)):
                kept.update(_up_to_faces(side, has_face, 1))
    for text in selections:
        kept.update(_decisive(FrameRule.parse(text), n, has_face))
    return kept & has_face.keys()


def _decisive(rule: FrameRule, n: int, has_face: Mapping[int, bool]) -> Collection[int]:
    """The frames whose outcome a rule has to know."""
    if rule.on == "decoded":
        return ()
    if rule.kind == "first" or (rule.kind == "linspace" and rule.args[0] == 1):
        return _up_to_faces(range(n), has_face, rule.args[0])
    if rule.kind == "linspace" and rule.args[0] == 2:
        ends = (range(n), range(n - 1, -1, -1))
        return {index for end in ends for index in _up_to_faces(end, has_face, 1)}
    return range(n)


def _up_to_faces(order: range, has_face: Mapping[int, bool], wanted: int) -> set[int]:
    """The frames along `order` up to the `wanted`-th that shows a face."""
    passed = set()
    for index in order:
        passed.add(index)
        wanted -= has_face.get(index, False)
        if not wanted:
            break
    return passed


# -- The notes on a clip, in one order and without repeats, whether it was extracted at once or little by little ------


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
