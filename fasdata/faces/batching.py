"""Frames of several clips in one batch: what keeps a GPU busy that one clip at a time would leave idle."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from fasdata.faces.detector import Detector
from fasdata.records import Box, Clip, Face

PATIENCE = 0.02  # seconds that a batch waits for the other clips; decoding a frame takes about as long


Look = Callable[[Sequence[np.ndarray], Sequence[Box]], list[list[Face]]]  # frames and a box in each


@dataclass
class _Call:
    look: Look | None  # None: a search of the whole frames
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
            if look := getattr(detector, name, None):
                setattr(self, name, partial(self._joined, look))

    def for_clip(self, clip: Clip, root: Path) -> Detector:
        """Return this detector, or the one that knows this clip's faces: there is nothing to join then."""
        own = self._detector.for_clip(clip, root)
        return self if own is self._detector else own

    def detect(self, frames: Sequence[np.ndarray], indices: Sequence[int] = ()) -> list[list[Face]]:
        """Return the faces of each frame, found in a batch with frames of other threads."""
        return self._joined(None, frames)

    def _joined(self, look: Look | None, frames: Sequence[np.ndarray], boxes: Sequence[Box] = ()) -> list[list[Face]]:
        call = _Call(look, frames, boxes)
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
        for look in dict.fromkeys(call.look for call in batch):
            calls = [call for call in batch if call.look == look]
            try:
                frames = [frame for call in calls for frame in call.frames]
                if look is None:
                    found = iter(self._detector.detect(frames))
                else:
                    found = iter(look(frames, [box for call in calls for box in call.boxes]))
                for call in calls:
                    call.faces = [next(found) for _ in call.frames]
            except BaseException as error:
                for call in calls:
                    call.error = error
