"""A long video at the cost of a second of it: the same packets again and again, with later time stamps."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import cv2
import literal_extract as literal
import numpy as np

RATE, SIZE = 25, (1920, 1080)


def write_long_video(source: Path, path: Path, seconds: int) -> Path:
    """Write `seconds` of H.264 at 1920 x 1080 and 25 frames a second, made of the first second of `source`."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("h264", rate=RATE, options={"preset": "ultrafast", "g": str(RATE)})
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        packets = []
        for frame in islice(literal.read(source, RATE), RATE):
            packets += stream.encode(av.VideoFrame.from_ndarray(_laid_out(frame), format="rgb24"))
        packets += stream.encode()
        step = round(1 / (RATE * packets[0].time_base))
        for number in range(seconds):
            for packet in packets:
                again = av.Packet(bytes(packet))
                again.stream, again.time_base, again.is_keyframe = stream, packet.time_base, packet.is_keyframe
                assert packet.pts is not None and packet.dts is not None
                again.pts, again.dts = packet.pts + number * RATE * step, packet.dts + number * RATE * step
                container.mux(again)
    return path


def _laid_out(frame: np.ndarray) -> np.ndarray:
    """Return the frame enlarged to the height of the picture, in its middle."""
    canvas = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
    width = round(frame.shape[1] * SIZE[1] / frame.shape[0])
    left = (SIZE[0] - width) // 2
    canvas[:, left : left + width] = cv2.resize(frame, (width, SIZE[1]), interpolation=cv2.INTER_LINEAR)
    return canvas
