"""Detect faces in frames of several clips as one batch: one clip at a time would leave a GPU idle."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from fasdata.faces.detector import Detector, LocalSearch
from fasdata.records import Box, Clip, Face

PATIENCE = 0.02  # seconds that a batch waits for the other clips; decoding a frame takes about as long


@dataclass
class _Call:
    search: LocalSearch | None  # None: detection on complete frames
    frames: Sequence[np.ndarray]
    boxes: Sequence[Box] = ()
    faces: list[list[Face]] | None = None
    error: BaseException | None = None


class BatchingDetector(Detector):
    """Joins the calls of up to `clips` threads into one call of `detector`; each gets its own frames' faces back.

    The first caller waits a moment for the others, then detects for all that have come. Without company a call costs
    that moment and nothing else. An error of the detector reaches every caller whose frames were in that batch. What
    the detector offers for following a face (see `fasdata.faces.tracking`) is joined likewise.
    """

    def __init__(self, detector: Detector, clips: int) -> None:
        self._detector, self._clips = detector, clips
        self.name, self.fingerprint, self.settings = detector.name, detector.fingerprint, detector.settings
        self._turn, self._arrived = threading.Lock(), threading.Condition()
        self._waiting: list[_Call] = []
        for name in ("refine", "detect_near"):
            if search := getattr(detector, name, None):
                setattr(self, name, partial(self._joined, search))

    def for_clip(self, clip: Clip, root: Path) -> Detector:
        """Return this detector, or the one that knows this clip's faces: there is nothing to join then."""
        own = self._detector.for_clip(clip, root)
        return self if own is self._detector else own

    def detect(self, frames: Sequence[np.ndarray], indices: Sequence[int] = ()) -> list[list[Face]]:
        """Return the faces of each frame, detected in a batch with frames of other threads."""
        return self._joined(None, frames)

    def _joined(
        self, search: LocalSearch | None, frames: Sequence[np.ndarray], boxes: Sequence[Box] = ()
    ) -> list[list[Face]]:
        call = _Call(search, frames, boxes)
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
        for search in dict.fromkeys(call.search for call in batch):
            calls = [call for call in batch if call.search == search]
            try:
                frames = [frame for call in calls for frame in call.frames]
                if search is None:
                    faces = iter(self._detector.detect(frames))
                else:
                    faces = iter(search(frames, [box for call in calls for box in call.boxes]))
                for call in calls:
                    call.faces = [next(faces) for _ in call.frames]
            except BaseException as error:
                for call in calls:
                    call.error = error
