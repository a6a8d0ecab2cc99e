"""A detector as a newcomer writes one: all of it is this file, and a row in the table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fasdata.faces.detector import Detector, DetectorRequest
from fasdata.faces.model_file import file_sha256
from fasdata.records import Face


class CentreDetector(Detector):
    """Finds a face in the middle of every frame; its file holds the share of the frame's height that the face takes."""

    name = "centre"

    def __init__(self, model: Path, request: DetectorRequest) -> None:
        self.fingerprint, self.settings = file_sha256(model), settings(request)
        self._share = float(model.read_text())

    def detect(self, frames: Sequence[np.ndarray], indices: Sequence[int] = ()) -> list[list[Face]]:
        """Return one face for each frame."""
        return [[self._face(*frame.shape[1::-1])] for frame in frames]

    def _face(self, width: int, height: int) -> Face:
        half = self._share * height / 2
        return Face((width / 2 - half, height / 2 - half, width / 2 + half, height / 2 + half), (), 0.8)


def make(request: DetectorRequest, model: Path) -> CentreDetector:
    """Return the detector that is asked for."""
    return CentreDetector(model, request)


def settings(request: DetectorRequest) -> dict[str, float]:
    """Return what, with the file, decides what is found."""
    return {"min_face": request.min_face}
