"""What stands beside the bar of an extraction: it moves within a clip too, so that a long first one is no silence."""

from __future__ import annotations

import threading

from fasdata.progress import Bar
from fasdata.records import ClipRecord


class Tally:
    """Counts of frames decoded, faces found and missed, and clips that failed; of any thread."""

    def __init__(self, bar: Bar) -> None:
        self._bar, self._lock = bar, threading.Lock()
        self._counts = dict.fromkeys(("faces", "misses", "failed", "decoded"), 0)

    def decoded(self, frames: int) -> None:
        """Count frames of a clip that is in hand."""
        with self._lock:
            self._counts["decoded"] += frames
            self._bar.show(**self._counts)

    def clip(self, record: ClipRecord) -> None:
        """Count a clip that is done."""
        observed = sum(frame.face_observed for frame in record.frames)
        with self._lock:
            self._counts["faces"] += observed
            self._counts["misses"] += len(record.frames) - observed
            self._counts["failed"] += record.status == "failed"
            self._bar.advance(1, **self._counts)
