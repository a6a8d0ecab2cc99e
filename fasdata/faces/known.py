"""A detector that looks at no pixel: the faces of one clip are known beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fasdata.faces.detector import Detector
from fasdata.records import Face


class KnownFaces(Detector):
    """Answers from `faces`, by frame index; in a frame that is not named there, there is none."""

    def __init__(
        self, name: str, fingerprint: str, settings: dict[str, float], faces: Mapping[int, Sequence[Face]]
    ) -> None:
        """Bind the faces of one clip to the name of the detector that they stand for."""
        self.name, self.fingerprint, self.settings = name, fingerprint, settings
        self._faces = faces

    def detect(self, frames: Sequence[np.ndarray], indices: Sequence[int] = ()) -> list[list[Face]]:
        """Return the known faces of the frames at `indices`; without a place nothing is known of a frame."""
        if not indices:
            return [[] for _ in frames]
        return [list(self._faces.get(index, ())) for _, index in zip(frames, indices, strict=True)]
