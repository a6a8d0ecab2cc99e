"""Extraction on real camera footage of live people; the clips are not part of the project."""

import os
from pathlib import Path

import pytest

from fasdata.store.reader import Store
from tests.commands import ok

CLIPS = os.environ.get("FAS_REAL_CLIPS", "")

pytestmark = pytest.mark.skipif(
    not CLIPS, reason="FAS_REAL_CLIPS names no folder of real face clips; they are not shipped with the project"
)


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    root, lib = tmp_path_factory.mktemp("real"), tmp_path_factory.mktemp("library")
    videos = sorted(path for path in Path(CLIPS).iterdir() if path.suffix in {".mkv", ".mp4", ".avi", ".mov"})
    assert len(videos) >= 10
    for video in videos:
        place = root / "test" / "bonafide" / video.stem / video.name
        place.parent.mkdir(parents=True)
        place.symlink_to(video)
    ok(
        "fasdata",
        "extract",
        "folder",
        "--root",
        root,
        "--out",
        lib,
        "--frames",
        "every(5)",
        "--fallbacks",
        "off",
        "-j",
        1,
    )
    return Store.open(lib / "folder")


def test_faces_are_found_with_their_landmarks_inside_the_box(store):
    frames = [frame for record in store.records() for frame in record.frames]
    assert len(frames) >= 130
    good = 0
    for frame in frames:
        if frame.status == "ok" and frame.score >= 0.9:
            x0, y0, x1, y1 = frame.box
            good += all(x0 <= x <= x1 and y0 <= y <= y1 for x, y in frame.landmarks)
    assert good / len(frames) >= 0.95


def test_every_fifth_frame_is_there_with_its_time_stamp(store):
    for record in store.records():
        assert [frame.index for frame in record.frames] == list(range(0, record.n_frames, 5))
        steps = [b.pts - a.pts for a, b in zip(record.frames, record.frames[1:], strict=False)]
        period = 1 / record.frame_rate
        # One of the clips has a dropped frame: a gap that only time stamps can show.
        assert all(4.9 * period < step < 6.1 * period for step in steps)
        assert sum(step > 5.1 * period for step in steps) <= 1


def test_crops_hold_the_box_in_native_pixels(store):
    for record in store.records():
        frame = next(frame for frame in record.frames if frame.crop)
        x0, y0, x1, y1 = frame.crop.region
        assert store.crop(record.clip.clip_id, frame.index).shape == (y1 - y0, x1 - x0, 3)
        assert frame.crop.scale == 1.0
        assert 0 <= x0 <= frame.box[0] and frame.box[2] <= x1 <= record.width
