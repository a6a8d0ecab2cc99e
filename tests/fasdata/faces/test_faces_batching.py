"""Calls of several threads in one batch: everyone gets the own answer, and errors reach all who were in it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from fasdata.faces.batching import BatchingDetector
from fasdata.faces.detector import Detector
from fasdata.faces.mtcnn import MtcnnDetector
from fasdata.records import Clip, Face


class Reads(Detector):
    """Answers with the brightness of a frame as the face's score, and notes how many frames came at once."""

    name, fingerprint, settings = "reads", "f", {}

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.inside = threading.Lock()

    def detect(self, frames: Sequence[np.ndarray], indices: Sequence[int] = ()) -> list[list[Face]]:
        assert self.inside.acquire(blocking=False), "two threads in the detector at once"
        self.sizes.append(len(frames))
        if any(frame.size == 0 for frame in frames):
            self.inside.release()
            raise ValueError("an empty frame")
        faces = [[Face((0, 0, 1, 1), (), float(frame.flat[0]))] for frame in frames]
        self.inside.release()
        return faces


def frames(*values: int) -> list[np.ndarray]:
    return [np.full((2, 2, 3), value, np.uint8) for value in values]


def test_every_thread_gets_the_faces_of_its_own_frames() -> None:
    inner = Reads()
    joined = BatchingDetector(inner, clips=4)

    def clip(number: int) -> list[float]:
        scores = []
        for step in range(25):
            values = [number * 50 + step, number * 50 + step + 1][: 1 + step % 2]
            scores += [
                (face.score, value) for (face,), value in zip(joined.detect(frames(*values)), values, strict=True)
            ]
        return scores

    with ThreadPoolExecutor(4) as pool:
        for scores in pool.map(clip, range(4)):
            assert all(score == value for score, value in scores)
    assert max(inner.sizes) > 2 and len(inner.sizes) < 100  # joined, most of the time


def test_one_clip_alone_is_not_held_up_for_ever() -> None:
    joined = BatchingDetector(Reads(), clips=8)
    assert joined.detect(frames(7))[0][0].score == 7
    assert joined.detect([]) == []


def test_an_error_reaches_the_callers_and_the_next_call_works() -> None:
    joined = BatchingDetector(Reads(), clips=2)
    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(joined.detect, [np.zeros((0, 0, 3), np.uint8)]) for _ in range(2)]
        for call in calls:
            with pytest.raises(ValueError, match="an empty frame"):
                call.result(timeout=10)
    assert joined.detect(frames(3))[0][0].score == 3


def test_a_detector_that_knows_a_clip_is_used_as_it_is(tmp_path: Path) -> None:
    class Knows(Reads):
        def for_clip(self, clip: Clip, root: Path) -> Detector:
            return other

    other = Reads()
    clip = Clip("d", "c", {})
    assert BatchingDetector(Knows(), 2).for_clip(clip, tmp_path) is other
    joined = BatchingDetector(Reads(), 2)
    assert joined.for_clip(clip, tmp_path) is joined


def test_joined_and_alone_mtcnn_finds_the_same() -> None:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 255, (120, 160, 3), np.uint8) for _ in range(3)]
    detector = MtcnnDetector(min_face=24)
    alone = [detector.detect([picture]) for picture in pictures]
    joined = BatchingDetector(detector, clips=3)
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda picture: joined.detect([picture]), pictures)) == alone
