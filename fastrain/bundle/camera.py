"""Judge what a camera shows, a frame at a time, until it is told to stop."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import numpy as np

from fasdata.errors import UserError
from fasdata.stopping import stop_requested
from fastrain.bundle.answers import Answer, without_score
from fastrain.bundle.finding import PictureFinder
from fastrain.bundle.found import FoundClip
from fastrain.bundle.predictor import Predictor

_CAMERA = re.compile(r"camera:(\d{1,3})")


def camera_number(text: str) -> int | None:
    """Return the number of the camera that a text names, None where it names none.

    >>> camera_number("camera:0"), camera_number("camera.mp4")
    (0, None)
    """
    match = _CAMERA.fullmatch(text)
    return int(match[1]) if match else None


def watch(predictor: Predictor, number: int, most: int = 0) -> Iterator[tuple[Answer, np.ndarray]]:
    """Yield the answer to each frame of a camera and the frame, `most` of them (0: until a stop is requested).

    Raises:
        UserError: there is no such camera, or it gives no picture any more; there is no threshold.
    """
    import cv2

    if predictor.threshold is None:
        raise UserError(f"{predictor.name} has no threshold of its sources", do="give one: --threshold 0.5")
    camera = cv2.VideoCapture(number)
    try:
        if not camera.isOpened():
            raise UserError(f"there is no camera:{number}", do="camera:0 is the first; is another program using it?")
        finder = PictureFinder(predictor.finding)
        for place in count():
            if stop_requested() or (most and place >= most):
                return
            there, picture = camera.read()
            if not there:
                raise UserError(f"camera:{number} gives no picture any more", found=f"{place} frames")
            rgb = np.ascontiguousarray(picture[..., ::-1])
            yield answer_to(predictor, finder, f"camera:{number} frame {place}", rgb), rgb
    finally:
        camera.release()


def answer_to(predictor: Predictor, finder: PictureFinder, name: str, picture: np.ndarray) -> Answer:
    """Return the answer to a picture that is in memory, rgb uint8 (h,w,3)."""
    assert predictor.threshold is not None
    before = time.perf_counter()
    clip = FoundClip.of(*finder.record({"rgb": picture}), predictor.finding)
    none = without_score(name, clip, predictor.finding.smallest, predictor.several)
    answer: Answer = none or predictor.decided(name, clip, predictor.scores_of([clip])[0])
    return replace(answer, milliseconds=round(1000 * (time.perf_counter() - before), 1))
