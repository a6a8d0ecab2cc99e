"""Frames of several clips in one batch: what keeps a GPU busy that one clip at a time would leave idle."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fasdata.faces.detector import Detector
from fasdata.records import Clip, Face

PATIENCE = 0.02  # seconds that a batch waits for the other clips; decoding a frame takes about as long


@dataclass
class _Call:
    frames: Sequence[np.ndarray]
    faces: list[list[Face]] | None = None
    error: BaseException | None = None


class BatchingDetector(Detector):
    """Joins the calls of up to `clips` threads into one call of `detector`; each gets its own frames' faces back.

    The first caller waits a moment for the others, then detects for all that have come. Without company a call costs
    that moment and nothing else. An error of the detector reaches every caller whose frames were in that batch.
    """

    def __init__(self, detector: Detector, clips: int) -> None:
        self._detector, self._clips = detector, clips
        self.name, self.fingerprint, self.settings = detector.name, detector.fingerprint, detector.settings
        self._turn, self._arrived = threading.Lock(), threading.Condition()
        self._waiting: list[_Call] = []

    def for_clip(self, clip: Clip, root: Path) -> Detector:
        """Return this detector, or the one that knows this clip's faces: there is nothing to join then."""
        own = self._detector.for_clip(clip, root)
        return self if own is self._detector else own

    def detect(self, frames: Sequence[np.ndarray], indices: Sequence[int] = ()) -> list[list[Face]]:
        """Return the faces of each frame, found in a batch with frames of other threads."""
        call = _Call(frames)
        with self._arrived:
            self._waiting.append(call)
            self._arrived.notify_all()
        with self._turn:  # one thread at a time; most find their answer there when they get it
            if call.faces is None and call.error is None:
                with self._arrived:
                    self._arrived.wait_for(lambda: len(self._waiting) >= self._clips, PATIENCE)
                    batch, self._waiting = self._waiting, []
                self._answer(batch)
        if call.error is not None:
            raise call.error
        assert call.faces is not None
        return call.faces

    def _answer(self, batch: Sequence[_Call]) -> None:
        try:
            found = iter(self._detector.detect([frame for call in batch for frame in call.frames]))
            for call in batch:
                call.faces = [next(found) for _ in call.frames]
        except BaseException as error:
            for call in batch:
                call.error = error
