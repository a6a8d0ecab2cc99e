"""The detector `given`: the faces that the release itself names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fasdata.errors import UserError
from fasdata.faces.detector import Detector
from fasdata.faces.given_faces import given_faces
from fasdata.faces.given_text import ACROSS, DOWN, ENLARGED, UP
from fasdata.faces.known import KnownFaces
from fasdata.records import Clip, Face


class GivenDetector(Detector):
    """Takes the release's word for where faces are: one a frame, with its eyes, or without landmarks."""

    name = "given"
    fingerprint = ""

    def __init__(self) -> None:
        self.settings = given_settings()

    def detect(self, frames: Sequence[np.ndarray], indices: Sequence[int] = ()) -> list[list[Face]]:
        """Return no face: they are given by clip, see `for_clip`."""
        return [[] for _ in frames]

    def for_clip(self, clip: Clip, root: Path) -> Detector:
        """Return the detector that knows the given faces of this clip.

        Raises:
            UserError: the release says nothing about faces in it, or nothing that is understood.
        """
        given = given_faces(clip, root)
        if not given:
            why = "; ".join(given.notes) or (f"{given.place} names no face" if given.place else "")
            raise UserError(why or "the release has no file of faces for this recording")
        faces = {index: (face,) for index, face in given.items()}
        return KnownFaces(self.name, self.fingerprint, self.settings, faces)


def given_settings() -> dict[str, float]:
    """Return the numbers by which boxes are made of given rectangles and eyes."""
    return {"enlarged": ENLARGED, "eyes_across": ACROSS, "eyes_up": UP, "eyes_down": DOWN}
