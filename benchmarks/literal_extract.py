"""What scripts around face anti-spoofing papers do: read every frame in order, MTCNN on each, full size, defaults."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


@dataclass
class Baseline:
    """What it found (boxes and points by frame, largest face first), and processor seconds of its two parts."""

    faces: list[tuple[np.ndarray, np.ndarray] | None] = field(default_factory=list)
    reading: float = 0.0
    detecting: float = 0.0

    @property
    def seconds(self) -> float:
        return self.reading + self.detecting


def run(path: Path, limit: int | None) -> Baseline:
    """Detect on the first `limit` frames of a video, all when None."""
    from facenet_pytorch import MTCNN

    detector, done = MTCNN(), Baseline()
    frames = read(path, limit)
    while True:
        start = time.process_time()
        frame = next(frames, None)
        done.reading += time.process_time() - start
        if frame is None:
            return done
        start = time.process_time()
        boxes, _, points = detector.detect(frame, landmarks=True)
        done.detecting += time.process_time() - start
        done.faces.append(None if boxes is None else (boxes.astype(np.float64), points.astype(np.float64)))


def read(path: Path, limit: int | None) -> Iterator[np.ndarray]:
    """Yield frames as RGB, decoded on one thread."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        for number, picture in enumerate(container.decode(stream)):
            if limit is not None and number >= limit:
                return
            yield picture.to_ndarray(format="rgb24")
