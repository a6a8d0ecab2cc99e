"""Recordings as they should not be, made in code, each with what has to come of it."""

from __future__ import annotations

import wave
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from tests.fabricate import noise, write_still, write_threedmad, write_wmca
from tests.videos import add_rotation_tag, flat_frames, write_video

N = 12


def noisy_video(path: Path, codec: str = "mjpeg") -> Path:
    """A video whose frames compress badly, so that cutting the file cuts frames."""
    return write_video(path, [noise(index, 48, 64, 3) for index in range(N)], codec=codec)


def cut(path: Path, share: float) -> None:
    """Keep the first part of a file."""
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])


def variable_rate(path: Path) -> None:
    """Frames at 0, 40, 1000, 1001, 5000 … milliseconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("h264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for at, pixels in zip((0, 40, 1000, 1001, 5000, 5040, 9000), flat_frames(7), strict=True):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = at, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def audio_only(path: Path) -> None:
    """A film without pictures."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        stream.layout = "mono"
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.rate = 8000
        for _ in range(8):
            container.mux(stream.encode(sound))
        container.mux(stream.encode())


def sound_file(path: Path) -> None:
    """A WAV file by another name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16000))


def rotated(path: Path) -> None:
    """An mp4 as a phone held upright writes it."""
    write_video(path, flat_frames(5), codec="h264")
    add_rotation_tag(path, 90)


# name of the file -> how it is made, status of the clip, frames (None: some, fewer than there were)
VIDEOS: dict[str, tuple[Callable[[Path], object], str, int | None]] = {
    "whole.avi": (noisy_video, "ok", N),
    "cut in the middle.avi": (lambda path: cut(noisy_video(path), 0.5), "ok", None),
    "cut at the end.mp4": (lambda path: cut(noisy_video(path, "h264"), 0.9), "failed", 0),
    "a few bytes.avi": (lambda path: cut(noisy_video(path), 0.001), "failed", 0),
    "empty.mp4": (lambda path: cut(noisy_video(path), 0), "failed", 0),
    "an mp4.avi": (lambda path: noisy_video(path.with_suffix(".mp4"), "h264").rename(path), "ok", N),
    "an avi.mp4": (lambda path: noisy_video(path.with_suffix(".avi")).rename(path), "ok", N),
    "an archive.mp4": (lambda path: cut_in(path, b"PK\x03\x04" + bytes(9999)), "failed", 0),
    "a text.avi": (lambda path: cut_in(path, b"these are the minutes of the meeting\n" * 200), "failed", 0),
    "a sound.avi": (sound_file, "failed", 0),
    "only sound.mp4": (audio_only, "failed", 0),
    "variable rate.mp4": (variable_rate, "ok", 7),
    "upright.mp4": (rotated, "ok", 5),
    "Straße № 5 – \u0141\u00f3d\u017a (Kopie) 'x' %20 & 陈 😀.avi": (noisy_video, "ok", N),
    "-rf ; $(touch x) `y` \\n.avi": (noisy_video, "ok", N),
    "deco\u0301mposed.avi": (noisy_video, "ok", N),
    "ends in a blank .avi": (noisy_video, "ok", N),
}


def cut_in(path: Path, data: bytes) -> None:
    """Write bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def write_videos(root: Path) -> None:
    """Write all of `VIDEOS` in the layout of `folder`, in a folder with a blank and an umlaut."""
    for number, (name, (make, _, _)) in enumerate(VIDEOS.items()):
        make(root / "train" / ("bonafide", "attack")[number % 2] / "Frau Ä. Müller" / name)


STILLS = r"""
name: lab-depth
owner: the lab
licence: none
modalities: [rgb, depth]
subject_rule: the folder
layouts:
  - name: own
    reader: frames
    registered: scaled
    precropped: true
    depth_unit: mm
    modality: {of: '{m}', map: {c: rgb, d: depth}}
    examples: [live/p1/take1/c/1.png]
    rules:
      - pattern: '(?P<cls>live|spoof)/(?P<subject>p\d+)/(?P<take>[^/]+)/(?P<m>c|d)/(?P<frame>\d+)\.png'
        tail: '{cls}/{subject}/{take}'
        label: {of: '{cls}', map: {live: bonafide, spoof: attack}}
        subject: '{subject}'
"""


def write_stills(root: Path) -> Path:
    """Write clips of images with 16-bit depth, some of them damaged; return the card that describes them."""
    for number, take in enumerate(("whole", "cut depth", "no depth at all", "text for colour", "16-bit colour")):
        clip = root / ("live", "spoof")[number % 2] / "p1" / take
        for frame in range(3):
            colour = write_still(clip / "c" / f"{frame}.png", noise(frame, 30, 30, 3) | 8)
            depth = write_still(clip / "d" / f"{frame}.png", noise(frame, 30, 30, kind=np.uint16) | 4096)
            if take == "cut depth" and frame == 1:
                cut(depth, 0.4)
            if take == "no depth at all":
                depth.unlink()
            if take == "text for colour":
                colour.write_text("not a picture")
            if take == "16-bit colour":
                write_still(colour, noise(frame, 30, 30, kind=np.uint16))
    card = root.parent / "lab.yaml"
    card.write_text(STILLS)
    return card


def write_wmca_tree(root: Path) -> None:
    """Write WMCA recordings: whole, without its depth file, with a group missing, with no group at all, no HDF5."""
    shape = (3, 32, 32)
    for number, kind in enumerate(("whole", "no stack", "a group missing", "no groups", "no HDF5")):
        name = f"WMCA/face-station/12.02.18/10{number}_01_000_0_00.hdf5"
        frames = {i: noise(i + number, *shape) for i in (0, 2, 9)}
        stack = {i: noise(i + number + 50, 4, 32, 32) for i in frames}
        if kind == "a group missing":
            del stack[2]
        colour = root / "WMCA_preprocessed_RGB" / name
        write_wmca(colour, {} if kind == "no groups" else frames)
        if kind == "no HDF5":
            colour.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(500))
        if kind != "no stack":
            write_wmca(root / "WMCA_preprocessed_CDIT" / name, stack)


def write_threedmad_tree(root: Path) -> None:
    """Write 3DMAD recordings: a whole one, without colour, without depth, with depth of another length."""
    for session, changes in (
        ("01", {}),
        ("02", {"Color_Data": None}),
        ("03", {"Depth_Data": None}),
    ):
        path = root / f"session{session}" / "Data" / f"05_{session}_02.hdf5"
        write_threedmad(path, n=3, height=60, width=80, **changes)  # type: ignore[arg-type]
    short = noise(2, 2, 1, 60, 80, kind=np.uint16)
    write_threedmad(root / "session01" / "Data" / "06_01_02.hdf5", n=3, height=60, width=80, Depth_Data=short)
