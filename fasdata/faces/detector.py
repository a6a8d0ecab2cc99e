"""The narrow interface of a face detector, and the choice among several faces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from fasdata.records import Box, Clip, Face


class Detector(Protocol):
    """Finds faces in batches of frames.

    `name`, `fingerprint` (sha256 of the weights, or of the file of known faces) and `settings` go into every store
    made with it.
    """

    name: str
    fingerprint: str
    settings: dict[str, float]

    def detect(self, frames: Sequence[np.ndarray], indices: Sequence[int] = ()) -> list[list[Face]]:
        """Return the faces of each frame (RGB uint8, height x width x 3), in no particular order.

        `indices` are the places of the frames in their clip; only detectors that answer from known faces ask for them.
        """
        ...

    def for_clip(self, clip: Clip, root: Path) -> Detector:
        """Return the detector to use on a clip below the dataset's `root`: this one, unless it knows faces by clip.

        Raises:
            UserError: it should know the faces of this clip and does not.
        """
        return self


def pick_face(
    faces: Sequence[Face], previous: Box | None = None, given: Box | None = None, *, follow_iou: float = 0.3
) -> Face | None:
    """Return the face to keep: the one that continues `previous`, else the release's `given` one, else the largest.

    A face continues a box, or is meant by it, from an IoU of 0.3 on. In replay and print attacks the operator's own
    face can be in view; following the face of the frame before keeps the clip on one person. Of equally large faces
    the one with the higher score is kept.
    """
    for box in (previous, given):
        if box is not None and faces:
            meant = max(faces, key=lambda face: iou(face.box, box))
            if iou(meant.box, box) >= follow_iou:
                return meant
    return max(faces, key=lambda face: (area(face.box), face.score), default=None)


def area(box: Box) -> float:
    """Return the area of a box in square pixels."""
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def iou(a: Box, b: Box) -> float:
    """Return the intersection over union of two boxes, 0 for empty ones."""
    inner = (max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3]))
    shared = area(inner) if inner[2] > inner[0] and inner[3] > inner[1] else 0.0
    union = area(a) + area(b) - shared
    return shared / union if union > 0 else 0.0
