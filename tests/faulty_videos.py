"""Videos made in code over containers, codecs and faults, for tests of what is counted and shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import av
import cv2
import numpy as np

Packets = list[av.Packet]
QUIET = {"hevc": {"x265-params": "log-level=0"}}
_FORMATS = {"mjpeg": "yuvj420p", "png": "rgb24", "huffyuv": "yuv422p"}


def moving(n: int, height: int = 96, width: int = 128) -> list[np.ndarray]:
    """Return n pictures of a pattern that moves by a pixel a frame, so that frames hang on one another."""
    noise = np.random.default_rng(0).integers(0, 255, (height + n, width + n, 3), dtype=np.uint8)
    pattern = cv2.GaussianBlur(noise, (9, 9), 3)
    return [np.ascontiguousarray(pattern[i : i + height, i : i + width]) for i in range(n)]


def write_recording(
    path: Path,
    codec: str,
    pictures: Sequence[np.ndarray],
    *,
    fault: Callable[[Packets], Packets] = list,
    stamps: Sequence[int] | None = None,
    prepare: Callable[[av.VideoStream], object] = lambda stream: None,
    options: dict[str, str] | None = None,
) -> Path:
    """Write pictures at 25 a second, or at `stamps` in 25ths of one, after `fault` has been at the packets."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options={**QUIET.get(codec, {}), **(options or {})})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = _FORMATS.get(codec, "yuv420p")
        prepare(stream)
        packets: Packets = []
        for place, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            if stamps:
                frame.pts = stamps[place]
            packets += stream.encode(frame)
        for packet in fault([*packets, *stream.encode()]):
            container.mux(packet)
    return path


# -- Faults of a packet -----------------------------------------------------------------------------------------------


def none(packets: Packets) -> Packets:
    """Return them as they are."""
    return packets


def zeroed(place: int) -> Callable[[Packets], Packets]:
    """Return the fault that one packet is zeros."""
    return _changed(place, bytes)


def cut(place: int) -> Callable[[Packets], Packets]:
    """Return the fault that half of one packet is missing."""
    return _changed(place, lambda size: None)


def flipped(place: int) -> Callable[[Packets], Packets]:
    """Return the fault that bits of one packet are turned over."""
    return _changed(place, lambda size: b"")


def lost(place: int) -> Callable[[Packets], Packets]:
    """Return the fault that one packet is gone."""
    return lambda packets: [packet for i, packet in enumerate(packets) if i != place]


def _changed(place: int, how: Callable[[int], bytes | None]) -> Callable[[Packets], Packets]:
    def fault(packets: Packets) -> Packets:
        data = bytes(packets[place])
        made = how(len(data))
        if made is None:
            made = data[: len(data) // 2]
        elif not made:
            changed = bytearray(data)
            for at in range(len(data) // 3, len(data), 7):
                changed[at] ^= 0x55
            made = bytes(changed)
        return [*packets[:place], _with(packets[place], made), *packets[place + 1 :]]

    return fault


def _with(packet: av.Packet, data: bytes) -> av.Packet:
    other = av.Packet(data)
    other.stream, other.pts, other.dts = packet.stream, packet.pts, packet.dts
    other.time_base, other.duration, other.is_keyframe = packet.time_base, packet.duration, packet.is_keyframe
    return other


def overwritten(path: Path, place: int, byte: int) -> Path:
    """Overwrite one packet in the file itself, as a bad sector or a broken copy does, and return the path."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(container.streams.video[0]) if packet.size]
        start, size = packets[place].pos, packets[place].size
    data = bytearray(path.read_bytes())
    data[start : start + size] = bytes([byte]) * size
    path.write_bytes(bytes(data))
    return path
