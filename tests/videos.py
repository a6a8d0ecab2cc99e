"""Small videos made in code, for tests of decoding."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np


def write_video(path: Path, frames: Sequence[np.ndarray], *, codec: str = "mjpeg", rate: int = 25) -> Path:
    """Write RGB uint8 frames to `path`; the container follows from its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return path


def flat_frames(n: int, height: int = 48, width: int = 64) -> list[np.ndarray]:
    """Return n frames whose left half is bright and whose grey tells the index: 10·index."""
    frames = []
    for index in range(n):
        frame = np.full((height, width, 3), 10 * (index % 20), np.uint8)
        frame[:, : width // 2] = 250
        frames.append(frame)
    return frames


def add_rotation_tag(path: Path, degrees: int) -> None:
    """Write a display matrix into an mp4's track header, as phones do: `degrees` clockwise make it upright."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 4 + 8 + 4 + 4 + 4 + 8 + 2 + 2 + 2 + 2
    unit = 1 << 16  # 1 in 16.16 fixed point
    a, b, c, d = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}[degrees]
    matrix = [a * unit, b * unit, 0, c * unit, d * unit, 0, 0, 0, 1 << 30]
    data[at : at + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in matrix)
    path.write_bytes(bytes(data))
