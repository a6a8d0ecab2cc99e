"""Frames into a real video file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import cast

import av
import numpy as np

FRAME_RATE = 25
TEMPORARY = ".part"

# Encoder, pixel format and options. Quality is high on purpose: coarse quantisation would wipe out the fine structure
# that tells an attack. One thread, so that the bytes do not depend on the machine's cores.
_CODECS: dict[str, tuple[str, str, dict[str, str]]] = {
    "mpeg4": ("mpeg4", "yuv420p", {"qmin": "2", "qmax": "2"}),
    "mjpeg": ("mjpeg", "yuvj422p", {"qmin": "2", "qmax": "2"}),
    "h264": ("libx264", "yuv420p", {"crf": "12", "preset": "ultrafast"}),
}
_CONTAINERS = {".avi": "avi", ".mov": "mov", ".mp4": "mp4"}


def write_video(path: Path, frames: Iterable[np.ndarray], codec: str) -> None:
    """Write uint8 RGB frames to `path` (.avi, .mov or .mp4); the name appears only when the file is complete.

    `codec` is one of mpeg4, mjpeg, h264.
    """
    encoder, pixel_format, options = _CODECS[codec]
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + TEMPORARY)
    with av.open(str(unfinished), "w", format=_CONTAINERS[path.suffix]) as container:
        stream: av.VideoStream | None = None
        for pixels in frames:
            if stream is None:
                stream = cast(av.VideoStream, container.add_stream(encoder, rate=FRAME_RATE, options=options))
                stream.height, stream.width = pixels.shape[:2]
                stream.pix_fmt = pixel_format
                stream.codec_context.thread_count = 1
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            container.mux(stream.encode(frame))
        if stream is not None:
            container.mux(stream.encode())
    unfinished.replace(path)
