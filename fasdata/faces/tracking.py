"""Follow one face over the frames of a clip, and fill it in from other frames where it is not detected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fasdata.faces.detector import Detector, LocalSearch, iou
from fasdata.faces.region import enlarged, to_square
from fasdata.records import Box, Face, FaceStatus

# -- A frame without a face: its outcome as a pure function of the faces around it ------------------------------------


REACH = 15  # frames: the oldest box that may be held or followed, the widest gap that may be bridged


@dataclass(frozen=True)
class Outcome:
    """The face of a frame, and where it is from; `shift` is the distance to the frame that stands in, 0 for its own."""

    status: FaceStatus
    face: Face | None = None
    shift: int = 0


def fall_back(index: int, faces: Mapping[int, Face], given: Mapping[int, Face] = {}) -> Outcome:
    """Return the outcome for frame `index`, on which no face was observed, from the `faces` of other frames.

    In this order: landmarks interpolated between two hits at most 15 frames apart (`interp`); the last box, at most
    15 frames old (`hold`); the release's own box (`given`); the nearest later frame with a face, at most 15 away,
    which then stands in with its own pixels (`shift`); otherwise `skip`. Never the whole frame.
    """
    before, after = (next((at for at in side if at in faces), None) for side in _around(index))
    if before is not None and after is not None and after - before <= REACH:
        return Outcome("interp", interpolate(faces[before], faces[after], (index - before) / (after - before)))
    if before is not None:
        return Outcome("hold", faces[before])
    if index in given:
        return Outcome("given", given[index])
    if after is not None:
        return Outcome("shift", faces[after], after - index)
    return Outcome("skip")


def still_to_search(index: int, n: int, searched: Mapping[int, bool], reach: int = REACH) -> list[int]:
    """Return the frames, at most `reach` away, that may show a face nearer to `index` than those searched.

    Once they are searched, the outcome of the frame depends on no other frame: it is the same whatever else was
    searched.
    """
    open_frames = []
    for side in _around(index):
        for at in side[:reach]:
            if searched.get(at, False) or not 0 <= at < n:
                break
            if at not in searched:
                open_frames.append(at)
    return sorted(open_frames)


def _around(index: int) -> tuple[range, range]:
    """Return the frames before and after, nearest first."""
    return range(index - 1, index - REACH - 1, -1), range(index + 1, index + REACH + 1)


def interpolate(a: Face, b: Face, weight: float) -> Face:
    """Return the face that lies `weight` of the way from `a` to `b`; its score is the lower of the two."""

    def mix(p: float, q: float) -> float:
        return round(p + (q - p) * weight, 3)

    x0, y0, x1, y1 = (mix(p, q) for p, q in zip(a.box, b.box, strict=True))
    # Where one of the two lacks some (a release may give eyes on the one frame only), there is nothing between them.
    known = zip(a.landmarks, b.landmarks, strict=True) if len(a.landmarks) == len(b.landmarks) else ()
    points = tuple((mix(p[0], q[0]), mix(p[1], q[1])) for p, q in known)
    return Face((x0, y0, x1, y1), points, min(a.score, b.score))


# -- Following a face from frame to frame, so that not every frame is searched completely -----------------------------


FALLEN = 0.9  # of the score of the last full detection: below it, the complete frame is searched
FOLLOWS = 0.3  # IoU from which a face continues the one before
ENLARGED = 2.0  # the place searched around a face, in units of the longer side of its box
WORKING = 96  # pixels: the side of the face in the patch shown to a detector without a local search


class Tracker:
    """Detect faces one frame at a time, first where the face was in the frame before.

    `on`: the detector's `refine` gives box and points from the last box alone, without a search (MTCNN: its last
    network). `careful`, and `on` where a detector has no such method: the place around the last box is searched, by
    the detector's own `detect_near` or, without one, as a picture of that place in which the face is 96 pixels wide.
    The complete frame is searched at least every `every` frames, and on every frame where no face continues the last
    one with nine tenths of the score of the last full detection.
    """

    def __init__(self, detector: Detector, mode: str, every: int, *, min_face: int = 0) -> None:
        """Follow with `detector`; faces under `min_face` pixels are too small for it and are shown to it enlarged."""
        self._detector, self._every = detector, every
        self._working = round(max(WORKING, 1.5 * min_face))
        refine: LocalSearch | None = getattr(detector, "refine", None) if mode == "on" else None
        self._search_near: LocalSearch = refine or getattr(detector, "detect_near", None) or self._in_patches
        self._full: dict[int, float] = {}  # frame index -> best score of its full detection

    def detect(
        self, frame: np.ndarray, index: int, faces: Mapping[int, Face], searched: Mapping[int, bool]
    ) -> list[Face]:
        """Return the faces of frame `index`; `faces` are those kept on the frames `searched` so far."""
        before = last_searched(index, searched)
        score = self._score_to_hold(index)
        if before is not None and before in faces and score is not None:
            near = self._search_near([frame], [faces[before].box])[0]
            held = [face for face in near if face.score >= FALLEN * score]
            if any(iou(face.box, faces[before].box) >= FOLLOWS for face in held):
                return held
        detected = self._detector.detect([frame], [index])[0]
        self._full[index] = max((face.score for face in detected), default=0.0)
        return detected

    def _in_patches(self, frames: Sequence[np.ndarray], boxes: Sequence[Box]) -> list[list[Face]]:
        side = round(ENLARGED * self._working)
        patches = [to_square(frame, enlarged(box, ENLARGED), side) for frame, box in zip(frames, boxes, strict=True)]
        detected = self._detector.detect([patch for patch, _ in patches])
        return [[back(face) for face in faces] for faces, (_, back) in zip(detected, patches, strict=True)]

    def _score_to_hold(self, index: int) -> float | None:
        """Return the score of the last full detection; None when it is time for another."""
        last = next((i for i in range(index, index - self._every, -1) if i in self._full), None)
        return self._full[last] if last is not None else None


def last_searched(index: int, searched: Mapping[int, bool]) -> int | None:
    """Return the nearest earlier frame that was searched, at most 15 away."""
    return next((i for i in range(index - 1, index - REACH - 1, -1) if i in searched), None)
