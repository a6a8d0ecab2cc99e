"""Videos: frames counted by decoding, the rotation tag, and files that are empty, truncated or something else."""

import numpy as np
import pytest

from fasdata.media.frame import UnreadableMedia, turn
from fasdata.media.video import VideoSource
from tests.videos import add_rotation_tag, flat_frames, write_video


def grey(frame: np.ndarray) -> float:
    return float(frame[:, frame.shape[1] * 3 // 4 :].mean())


@pytest.mark.parametrize(
    ("name", "codec"), [("a.avi", "mjpeg"), ("a.mp4", "h264"), ("a.mov", "h264"), ("a.avi", "mpeg4")]
)
def test_frames_are_counted_by_decoding_and_indexed_from_zero(tmp_path, name, codec):
    source = VideoSource(write_video(tmp_path / name, flat_frames(12), codec=codec))
    frames = list(source.frames({0, 5, 11}, to_end=True))
    assert [frame.index for frame in frames] == [0, 5, 11]
    assert source.n_decoded == 12
    for frame in frames:
        assert abs(grey(frame.rgb) - 10 * frame.index) < 6
    assert frames[1].pts == pytest.approx(5 / 25, abs=0.01)


def test_a_pass_without_to_end_stops_at_the_last_wanted_frame(tmp_path):
    source = VideoSource(write_video(tmp_path / "a.avi", flat_frames(12)))
    assert [frame.index for frame in source.frames({2})] == [2]
    assert source.n_decoded is None


@pytest.mark.parametrize("stored", [90, 180, 270])
def test_the_rotation_tag_is_applied_exactly_once(tmp_path, stored):
    path = write_video(tmp_path / "a.mp4", flat_frames(3, 48, 64), codec="h264")
    plain = next(iter(VideoSource(path).frames({0}))).rgb
    add_rotation_tag(path, stored)
    source = VideoSource(path)
    upright = next(iter(source.frames({0}))).rgb
    assert source.rotation == stored
    assert np.array_equal(upright, turn(plain, stored))
    assert upright.shape[:2] == ((48, 64) if stored == 180 else (64, 48))


def test_turn_is_clockwise():
    image = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert turn(image, 90).tolist() == [[3, 0], [4, 1], [5, 2]]


def test_an_empty_file_says_so(tmp_path):
    (tmp_path / "a.avi").write_bytes(b"")
    with pytest.raises(UnreadableMedia, match="empty"):
        VideoSource(tmp_path / "a.avi")


def test_a_file_that_is_no_video_says_so(tmp_path):
    (tmp_path / "a.avi").write_bytes(b"no video at all " * 500)
    with pytest.raises(UnreadableMedia, match=r"cannot be opened|no video"):
        VideoSource(tmp_path / "a.avi")


def test_a_truncated_mp4_is_unreadable_and_a_truncated_avi_gives_what_it_has(tmp_path):
    whole = write_video(tmp_path / "a.mp4", flat_frames(12), codec="h264")
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(UnreadableMedia):
        VideoSource(whole)
    noise = [np.random.default_rng(i).integers(0, 255, (48, 64, 3), dtype=np.uint8) for i in range(40)]
    avi = write_video(tmp_path / "a.avi", noise)
    avi.write_bytes(avi.read_bytes()[: avi.stat().st_size // 2])
    source = VideoSource(avi)
    frames = list(source.frames(None, to_end=True))
    assert 0 < len(frames) < 40
    assert source.n_decoded == len(frames)
