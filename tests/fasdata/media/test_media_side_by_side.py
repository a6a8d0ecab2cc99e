"""Recordings of several files: a depth video, or a folder of depth pictures, beside a colour video."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from fasdata.media.frame import UnreadableMedia
from fasdata.media.readers import MediaForm, open_source
from tests.fabricate import noise, write_still
from tests.videos import flat_frames, write_video


def write_grey(path: Path, frames: list[np.ndarray], *, pix_fmt: str = "gray16le", rate: int = 25) -> Path:
    """Write a lossless grey video, as depth cameras' tools do."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=rate)
        stream.height, stream.width = frames[0].shape
        stream.pix_fmt = pix_fmt
        for frame in frames:
            picture = av.VideoFrame(frame.shape[1], frame.shape[0], pix_fmt)
            plane = picture.planes[0]
            padded = np.zeros((frame.shape[0], plane.line_size // frame.itemsize), frame.dtype)
            padded[:, : frame.shape[1]] = frame
            plane.update(padded.tobytes())
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def depths(n: int, seed: int = 0, kind: type = np.uint16) -> list[np.ndarray]:
    return [noise(seed + i, 24, 34, kind=kind) for i in range(n)]


@pytest.fixture
def colour(tmp_path) -> Path:
    return write_video(tmp_path / "c.avi", flat_frames(5))


@pytest.mark.parametrize(
    ("pix_fmt", "kind", "most"),
    [
        ("gray16le", np.uint16, 65535),
        ("gray", np.uint8, 255),
        ("gray12le", np.uint16, 4095),
        ("gray10le", np.uint16, 1023),
    ],
)
def test_depth_as_a_grey_video_keeps_its_values(tmp_path, colour, pix_fmt, kind, most):
    values = [np.minimum(depth, most).astype(kind) for depth in depths(5, kind=kind)]
    source = open_source(MediaForm(), {"rgb": colour, "depth": write_grey(tmp_path / "d.mkv", values, pix_fmt=pix_fmt)})
    frames = list(source.frames(to_end=True))
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4] and source.n_decoded == 5
    for frame, value in zip(frames, values, strict=True):
        assert frame.images["depth"].dtype == kind and np.array_equal(frame.images["depth"], value)
        assert frame.rgb.shape == (48, 64, 3)
    [one_frame] = source.frames({3})
    assert one_frame.index == 3 and np.array_equal(one_frame.images["depth"], values[3])
    assert source.notes == () and source.damage == ""


def test_depth_as_pictures_beside_a_video_and_infrared_as_another_video(tmp_path, colour):
    for number, depth in zip((2, 10, 1, 9), depths(4), strict=True):
        write_still(tmp_path / "depth" / f"{number}.png", depth)
    infrared = depths(5, 50, np.uint8)
    paths = {"rgb": colour, "depth": tmp_path / "depth", "ir": write_grey(tmp_path / "i.mkv", infrared, pix_fmt="gray")}
    source = open_source(MediaForm(), paths)
    frames = list(source.frames(to_end=True))
    order = [depths(4)[place] for place in (2, 0, 3, 1)]  # 1, 2, 9, 10
    for frame, depth in zip(frames, order, strict=False):
        assert np.array_equal(frame.images["depth"], depth)
    assert set(frames[4].images) == {"rgb", "ir"} and np.array_equal(frames[4].images["ir"], infrared[4])
    assert "depth: 4 pictures, colour has 5" in source.notes


def test_a_longer_depth_video_is_counted_to_its_end(tmp_path, colour):
    source = open_source(MediaForm(), {"rgb": colour, "depth": write_grey(tmp_path / "d.mkv", depths(8))})
    assert len(list(source.frames(to_end=True))) == 5
    assert source.notes == ("depth: 8 pictures, colour has 5",)


def test_a_missing_or_unreadable_file_and_other_frame_rates_are_named(tmp_path, colour):
    source = open_source(MediaForm(), {"rgb": colour, "depth": tmp_path / "gone.mkv"})
    assert [set(frame.images) for frame in source.frames()] == [{"rgb"}] * 5
    assert source.notes == ("depth: the file is missing",)
    (tmp_path / "text.mkv").write_bytes(b"no video" * 99)
    with pytest.raises(UnreadableMedia, match=r"^depth: the file cannot be opened as video"):
        open_source(MediaForm(), {"rgb": colour, "depth": tmp_path / "text.mkv"})
    slow = write_grey(tmp_path / "slow.mkv", depths(5), rate=15)
    with pytest.raises(UnreadableMedia, match="depth: 15 frames a second, and 25 in colour"):
        open_source(MediaForm(), {"rgb": colour, "depth": slow})


def test_each_clip_is_what_its_own_file_is(tmp_path, colour):
    picture = write_still(tmp_path / "a.png", noise(1, 20, 30, 3))
    write_still(tmp_path / "frames" / "1.png", noise(1, 20, 30, 3))
    for path, n in ((colour, 5), (picture, 1), (tmp_path / "frames", 1)):
        for reader in ("video", "frames", "image"):
            assert len(list(open_source(MediaForm(reader), {"rgb": path}).frames())) == n
