"""Which of several faces in a frame is kept: named rules, recorded in every store."""

from __future__ import annotations

from collections.abc import Sequence

from fasdata.faces.detector import area, pick_face
from fasdata.records import Box, Face

CONFIDENT, LARGEST, PROBABLE = "confident", "largest", "probable"
FACE_RULES = (CONFIDENT, LARGEST, PROBABLE)
STEADY = "steady"  # the rule of the first stores, which do not state one: no new store gets it
MARGIN = 0.02  # of the score: detectors are as sure of a face as of the best one down to here


def choose_face(
    faces: Sequence[Face], rule: str = CONFIDENT, previous: Box | None = None, given: Box | None = None
) -> Face | None:
    """Return the face of a frame to keep, None where there is none.

    `confident`: among the faces whose score is within 0.02 of the best, the one that continues `previous`, the face
    kept before (IoU of at least 0.3), else the release's `given` one (likewise), else the largest. `largest` goes by
    area, of equals by score, and `probable` by score, of equals by area, both by this frame alone, as published scripts
    do. `steady` is `confident` without its first condition.

    >>> print_on_shirt = Face((0, 0, 200, 200), (), 0.971)
    >>> face = Face((50, 0, 150, 120), (), 0.99999)
    >>> [choose_face([print_on_shirt, face], rule) is face for rule in FACE_RULES]
    [True, False, True]
    """
    if rule == LARGEST:
        return max(faces, key=lambda face: (area(face.box), face.score), default=None)
    if rule == PROBABLE:
        return max(faces, key=lambda face: (face.score, area(face.box)), default=None)
    if rule == CONFIDENT:
        # Scores have five decimals: a difference of 0.02 must not depend on how they are spelt in binary.
        least = round(max((face.score for face in faces), default=0.0) - MARGIN, 6)
        faces = [face for face in faces if face.score >= least]
    return pick_face(faces, previous, given)
