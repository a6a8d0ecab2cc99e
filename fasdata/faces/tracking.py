"""Following one face from frame to frame, so that not every frame has to be searched as a whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from fasdata.faces.detector import Detector, iou
from fasdata.faces.fallback import REACH
from fasdata.faces.region import enlarged, to_square
from fasdata.records import Box, Face

Look = Callable[[Sequence[np.ndarray], Sequence[Box]], list[list[Face]]]  # frames and the box to look at in each

FALLEN = 0.9  # of the score that the last full detection had: below it, the whole frame is searched
FOLLOWS = 0.3  # IoU from which a face continues the one before
ENLARGED = 2.0  # the place searched around a face, in units of the longer side of its box
WORKING = 96  # pixels: the side of a face as a detector is shown it that has no way of its own


class Tracker:
    """Answers like a detector, one frame at a time, and looks first where the face was.

    `on`: the detector's `refine` tells box and points from the last box alone, without a search (MTCNN: its last
    network). `careful`, and `on` where a detector has no such method: the place around the last box is searched, by
    the detector's own `detect_near` or, without one, as a picture of that place in which the face is 96 pixels wide.
    A full detection is made at least every `every` frames, and on every frame where no face continues the last one
    with nine tenths of the score of the last full detection: what a search of the whole frame finds is not lost.
    """

    def __init__(self, detector: Detector, mode: str, every: int, *, min_face: int = 0) -> None:
        """Follow with `detector`; faces under `min_face` pixels are beyond it and are shown to it enlarged."""
        self._detector, self._every = detector, every
        self._working = round(max(WORKING, 1.5 * min_face))
        refine: Look | None = getattr(detector, "refine", None) if mode == "on" else None
        self._look: Look = refine or getattr(detector, "detect_near", None) or self._in_patches
        self._whole: dict[int, float] = {}  # frame index -> best score of its full detection

    def detect(
        self, frame: np.ndarray, index: int, faces: Mapping[int, Face], searched: Mapping[int, bool]
    ) -> list[Face]:
        """Return the faces of frame `index`; `faces` are those kept on the frames `searched` so far."""
        before = last_searched(index, searched)
        score = self._score_to_hold(index)
        if before is not None and before in faces and score is not None:
            held = [face for face in self._look([frame], [faces[before].box])[0] if face.score >= FALLEN * score]
            if any(iou(face.box, faces[before].box) >= FOLLOWS for face in held):
                return held
        found = self._detector.detect([frame], [index])[0]
        self._whole[index] = max((face.score for face in found), default=0.0)
        return found

    def _in_patches(self, frames: Sequence[np.ndarray], boxes: Sequence[Box]) -> list[list[Face]]:
        side = round(ENLARGED * self._working)
        patches = [to_square(frame, enlarged(box, ENLARGED), side) for frame, box in zip(frames, boxes, strict=True)]
        found = self._detector.detect([patch for patch, _ in patches])
        return [[back(face) for face in faces] for faces, (_, back) in zip(found, patches, strict=True)]

    def _score_to_hold(self, index: int) -> float | None:
        """Return the score of the last full detection; None when it is time for another."""
        last = next((i for i in range(index, index - self._every, -1) if i in self._whole), None)
        return self._whole[last] if last is not None else None


def last_searched(index: int, searched: Mapping[int, bool]) -> int | None:
    """Return the nearest earlier frame that was searched, at most 15 away."""
    return next((i for i in range(index - 1, index - REACH - 1, -1) if i in searched), None)
