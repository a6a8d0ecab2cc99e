"""The number of frames is what the `ffmpeg` program counts: over containers, codecs and faults."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from fasdata.media.frame import UnreadableMedia
from fasdata.media.video import VideoSource
from tests.faulty_videos import cut, flipped, lost, moving, none, write_recording, zeroed

imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")

FORMS = [
    ("h264", "mp4"), ("h264", "mkv"), ("h264", "ts"), ("h264", "avi"), ("hevc", "mp4"), ("hevc", "mkv"),
    ("mpeg4", "avi"), ("mpeg4", "mp4"), ("mjpeg", "avi"), ("mjpeg", "mov"), ("vp8", "webm"), ("vp9", "webm"),
    ("ffv1", "mkv"), ("huffyuv", "avi"), ("mpeg2video", "mpg"), ("wmv2", "asf"), ("flv1", "flv"), ("png", "mov"),
]  # fmt: skip
FAULTS: dict[str, Callable] = {
    "none": none, "zeroed": zeroed(5), "cut": cut(5), "flipped": flipped(5), "lost": lost(5), "key lost": lost(0),
    "key flipped": flipped(0), "end flipped": flipped(17),
}  # fmt: skip


def counted(path: Path, stream: int = 0, *flags: str) -> int:
    """Return how many frames the ffmpeg program finds."""
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", *flags, "-i", str(path), "-map", f"0:v:{stream}",
        "-fps_mode", "passthrough", "-f", "null", "-",
    ]  # fmt: skip
    words = subprocess.run(command, capture_output=True, text=True, timeout=60).stderr
    numbers = re.findall(r"frame=\s*(\d+)", words)
    return int(numbers[-1]) if numbers else 0


def decoded(path: Path) -> tuple[VideoSource | None, int]:
    """Return the source after a pass and its number of frames, 0 where there is none."""
    try:
        source = VideoSource(path)
        list(source.frames(None, to_end=True))
    except UnreadableMedia:
        return None, 0
    return source, source.n_decoded or 0


@pytest.mark.parametrize(("codec", "suffix"), FORMS, ids=[" in ".join(form) for form in FORMS])
def test_frames_are_those_that_ffmpeg_counts(tmp_path, codec, suffix):
    for name, fault in FAULTS.items():
        path = write_recording(tmp_path / f"{name}.{suffix}", codec, moving(18), fault=fault)
        source, n = decoded(path)
        # Of HEVC the newest ffmpegs leave out, if not told otherwise, what older ones and players show: every frame up
        # to the next key frame that hangs on a lost one. They count here, and are never cropped.
        hangs = codec == "hevc" and source is not None and source.left_out
        assert n == counted(path, 0, *(["-flags", "output_corrupt"] if hangs else [])), name
        assert (name != "none") or (n == 18 and source is not None and not source.damage and not source.notes)


def test_a_group_without_its_key_frame_is_no_frame_and_the_next_group_is(tmp_path):
    path = write_recording(tmp_path / "a.mkv", "h264", moving(18), fault=lost(0), options={"g": "6"})
    source, n = decoded(path)
    assert n == counted(path) == 12 and source is not None and not source.left_out


def test_the_stream_is_the_one_that_is_counted(tmp_path):
    import av

    with av.open(str(tmp_path / "two.mkv"), "w") as container:
        small, large = (container.add_stream("mjpeg", rate=25) for _ in range(2))
        for stream, side in ((small, 32), (large, 64)):
            stream.width = stream.height = side
            stream.pix_fmt = "yuvj420p"
        for stream, n, side in ((small, 3, 32), (large, 7, 64)):
            for picture in moving(n, side, side):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
    source, n = decoded(tmp_path / "two.mkv")
    assert source is not None and n == counted(tmp_path / "two.mkv", source.stream) == 7


@pytest.mark.parametrize("suffix", ["avi", "mkv", "mp4"])
def test_a_variable_rate_is_no_loss(tmp_path, suffix):
    path = write_recording(tmp_path / f"a.{suffix}", "mpeg4", moving(8), stamps=[0, 1, 2, 9, 10, 40, 41, 60])
    source, n = decoded(path)
    assert source is not None and n == counted(path) == 8
    assert source.n_claimed <= 8 and not source.damage and not source.notes
