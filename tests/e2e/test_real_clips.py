"""Extraction on real camera footage of live people; the clips are not part of the project."""

import json
import os
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from fasdata.store.reader import Store
from tests.commands import ok
from tests.videos import write_video

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
        "every(10)",
        "--fallbacks",
        "off",
        "-j",
        1,
    )
    return Store.open(lib / "folder")


def test_faces_are_found_with_their_landmarks_inside_the_box(store):
    frames = [frame for record in store.records() for frame in record.frames]
    assert len(frames) >= 65
    good = 0
    for frame in frames:
        if frame.status == "ok" and frame.score >= 0.9:
            x0, y0, x1, y1 = frame.box
            good += all(x0 <= x <= x1 and y0 <= y <= y1 for x, y in frame.landmarks)
    assert good / len(frames) >= 0.95


def refilmed(frames: list[np.ndarray]) -> list[np.ndarray]:
    """Show frames on a drawn screen, with its colours and lines, and film that again, a little blurred and noisy."""
    noise = np.random.default_rng(0)
    filmed = []
    for frame in frames:
        height, width = frame.shape[:2]
        shown = cv2.resize(frame, (width * 4 // 5, height * 4 // 5)).astype(np.float32) * (1.1, 0.95, 0.85) + 8
        shown[:, ::3] *= 0.85
        scene = np.full((height, width, 3), 30, np.float32)
        top, left = (height - shown.shape[0]) // 2, (width - shown.shape[1]) // 2
        scene[top : top + shown.shape[0], left : left + shown.shape[1]] = shown
        blurred = cv2.GaussianBlur(scene, (0, 0), 0.8)
        filmed.append(np.clip(blurred + noise.normal(0, 3, blurred.shape), 0, 255).astype(np.uint8))
    return filmed


def test_own_clips_and_attacks_on_them_train_and_are_tested_without_any_excuse(tmp_path):
    """A table of ten people and of their faces on a screen goes to a report: nothing is disguised, nothing allowed."""
    rows = ["path,label,subject,attack_type"]
    for number, video in enumerate(sorted(Path(CLIPS).glob("*.mkv"))):
        with av.open(str(video)) as container:
            frames = [frame.to_ndarray(format="rgb24") for frame in islice(container.decode(video=0), 12)]
        for label, pictures in (("bonafide", frames), ("attack", refilmed(frames))):
            write_video(tmp_path / "raw" / f"{label}_{number}.mp4", pictures)
            rows.append(f"{label}_{number}.mp4,{label},p{number},{'replay' if label == 'attack' else ''}")
    assert len(rows) == 21
    (tmp_path / "my.csv").write_text("\n".join(rows) + "\n")
    data = tmp_path / "library"
    ok("fasdata", "extract", "mylab", "--root", tmp_path / "raw", "--card", tmp_path / "my.csv", "--out", data, "-j", 1)
    out = tmp_path / "run"
    short = ("--preset", "demo", "--set", "train.max_iterations=30", "--threads", 1)
    printed = ok("fastrain", "run", "erm", "--protocol", "mylab:split", *short, "--data", data, "--out", out)
    assert "erm on mylab:split, recipe standard" in printed and "source_eer" in printed
    manifest = json.loads((out / "manifest.json").read_text())
    assert {row["part"]: row["clips"] for row in manifest["counts"] if row["label"] == "attack"} == {
        "train": 6, "val": 1, "test": 3,
    }  # fmt: skip
    assert not manifest["leakage"] and not json.loads((out / "run.json").read_text())["changed_data"]
    assert "mylab:split" in (out / "report.html").read_text()


def test_every_tenth_frame_is_there_with_its_time_stamp(store):
    for record in store.records():
        assert [frame.index for frame in record.frames] == list(range(0, record.n_frames, 10))
        steps = [b.pts - a.pts for a, b in zip(record.frames, record.frames[1:], strict=False)]
        period = 1 / record.frame_rate
        # One of the clips has a dropped frame: a gap that only time stamps can show.
        assert all(9.9 * period < step < 11.1 * period for step in steps)
        assert sum(step > 10.1 * period for step in steps) <= 1


def test_crops_hold_the_box_in_native_pixels(store):
    for record in store.records():
        frame = next(frame for frame in record.frames if frame.crop)
        x0, y0, x1, y1 = frame.crop.region
        assert store.crop(record.clip.clip_id, frame.index).shape == (y1 - y0, x1 - x0, 3)
        assert frame.crop.scale == 1.0
        assert 0 <= x0 <= frame.box[0] and frame.box[2] <= x1 <= record.width
