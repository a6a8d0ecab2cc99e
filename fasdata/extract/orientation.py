"""Detect recordings that are stored turned, and by how much."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from fasdata.extract.settings import ExtractSettings
from fasdata.faces.detector import Detector
from fasdata.faces.detectors import DETECTORS
from fasdata.media.frame import Frame, FrameSource, turn
from fasdata.records import Clip, Face

UPRIGHT_TRIAL = 10  # frames without a face beyond doubt before other orientations are tried
LISTED_TRIAL = 4  # frames that decide about a recording whose card says that it is stored turned
TURNS = (180, 90, 270)
TRIAL_SCORE = 0.9


def listed_turn(clip: Clip, settings: ExtractSettings, detector: Detector, source: FrameSource) -> int:
    """Return by how many degrees clockwise the decoded frames are turned, for a clip whose card says it is stored so.

    The card's statement (`turned` among the clip's fields) is tested on the first frames: there are copies in which a
    tag of the container, or a conversion, has turned the recording upright already.

    Raises:
        UnreadableMedia: nothing can be decoded.
    """
    angle = int(clip.fields.get("turned") or 0)
    if not angle or not settings.looks_at_pixels:
        return 0
    frames = list(source.frames(set(range(LISTED_TRIAL))))
    upright, turned = (_best_scores(frames, detector, degrees).sum() for degrees in (0, angle))
    return angle if turned > upright else 0


def unseen_turn(clip: Clip, settings: ExtractSettings, source: FrameSource) -> str:
    """Return the warning that nobody checked a clip whose card says it is stored turned; "" where none is due.

    A detector that does not search pictures cannot tell how this copy lies, unless the container itself turned it.
    """
    angle = int(clip.fields.get("turned") or 0)
    if not angle or settings.looks_at_pixels or source.rotation == angle:
        return ""
    return f"its release stores it turned by {angle} degrees, and the detector {settings.detector} does not look"


def best_turn(frames: Sequence[Frame], detector: Detector, already: int, score: float) -> int | None:
    """Return the turn at which most of the frames show a face of this score, None when half of them or fewer do.

    `already` is the turn at which they show none.
    """
    turns = [angle for angle in (*TURNS, 0) if angle != already]
    sure = {angle: int((_best_scores(frames, detector, angle) >= score).sum()) for angle in turns}
    best = max(sure, key=lambda angle: sure[angle])
    return best if sure[best] * 2 > len(frames) else None


def score_to_turn(faces: Iterable[Face], detector: Detector) -> float | None:
    """Return the score that faces need in another orientation to be believed, given the `faces` in this one.

    None: one of them is beyond doubt, and no other orientation is tried.
    """
    row, best = DETECTORS.get(detector.name), max((face.score for face in faces), default=None)
    doubtful = row.doubtful if row else 0.0
    if best is None:
        return TRIAL_SCORE
    return doubtful if best < doubtful else None


def _best_scores(frames: Sequence[Frame], detector: Detector, angle: int) -> np.ndarray:
    detected = detector.detect([turn(frame.rgb, angle) for frame in frames], [frame.index for frame in frames])
    return np.array([max((face.score for face in faces), default=0.0) for faces in detected])
