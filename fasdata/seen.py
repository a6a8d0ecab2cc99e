"""What is known of the frames of one clip while it is searched."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fasdata.clipnotes import noted_turn
from fasdata.cropping import Cropped
from fasdata.media.frame import Frame
from fasdata.media.video import turn
from fasdata.records import ClipRecord, Face


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
