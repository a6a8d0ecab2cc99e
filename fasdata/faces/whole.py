"""The detector `none`: in a pre-cropped release the image is the face."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fasdata.faces.borders import content_box
from fasdata.faces.detector import Detector
from fasdata.records import Face


class WholeImage(Detector):
    """Takes the release's word that every image is one face: the box is the whole image, the score 1, no landmarks.

    With `cut_borders` the box is what lies inside the black surround.
    """

    name = "none"
    fingerprint = ""

    def __init__(self, *, cut_borders: bool = False) -> None:
        self.settings: dict[str, float] = {}
        self._cut_borders = cut_borders

    def detect(self, frames: Sequence[np.ndarray], indices: Sequence[int] = ()) -> list[list[Face]]:
        """Return one face for each frame."""
        return [[self._face(frame)] for frame in frames]

    def _face(self, frame: np.ndarray) -> Face:
        x0, y0, x1, y1 = content_box(frame) if self._cut_borders else (0, 0, frame.shape[1], frame.shape[0])
        return Face((float(x0), float(y0), float(x1), float(y1)), (), 1.0)
