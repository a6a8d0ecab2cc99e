"""Following and turning real faces; the clips are not part of the project."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from fasdata.extract.clip_extractor import ClipExtractor
from fasdata.extract.settings import ExtractSettings
from fasdata.faces.detector import iou
from fasdata.faces.mtcnn import MtcnnDetector
from fasdata.media.frame import turn
from fasdata.media.video import VideoSource
from fasdata.protocols.sampling import parse_rules
from fasdata.records import Clip, ClipRecord
from tests.videos import write_video

CLIPS = os.environ.get("FAS_REAL_CLIPS", "")

pytestmark = pytest.mark.skipif(not CLIPS, reason="FAS_REAL_CLIPS names no folder of real face clips")


def path_of(name: str) -> Path:
    return next(path for path in Path(CLIPS).iterdir() if path.stem == name)


def extract(path: Path, rules: str, detector: MtcnnDetector, turned: str = "", **options) -> ClipRecord:
    settings = ExtractSettings(tuple(parse_rules(rules)), **options)
    clip = Clip("d", "c", {"rgb": path.name}, fields={"turned": turned} if turned else {})
    return ClipExtractor(settings, detector).extract(clip, VideoSource(path))[0]


@pytest.fixture(scope="module")
def detector() -> MtcnnDetector:
    import torch

    torch.set_num_threads(1)
    return MtcnnDetector()


@pytest.mark.parametrize(("mode", "most", "least"), [("on", 0.04, 0.85), ("careful", 0.001, 0.999)])
def test_followed_faces_are_those_of_a_full_search(detector, mode, most, least):
    errors, overlaps = [], []
    for name in ("book", "walk"):
        whole, followed = (extract(path_of(name), "first(20)", detector, tracking=how) for how in ("off", mode))
        assert {frame.status for frame in followed.frames} == {"ok"} and len(followed.frames) == 20
        for a, b in zip(whole.frames, followed.frames, strict=True):
            points = np.array([a.landmarks, b.landmarks])
            eyes = np.linalg.norm(points[0, 0] - points[0, 1])
            errors.append(np.linalg.norm(points[0] - points[1], axis=1).mean() / eyes)
            overlaps.append(iou(a.box, b.box))
    assert np.median(errors) <= most and np.median(overlaps) >= least


@pytest.mark.parametrize("listed", [True, False])
def test_a_recording_stored_upside_down_is_turned(detector, tmp_path, listed):
    upright = [frame.rgb for frame in VideoSource(path_of("book" if not listed else "no")).frames(set(range(0, 40, 4)))]
    path = write_video(tmp_path / "a.mp4", [turn(frame, 180) for frame in upright], codec="h264")
    record = extract(path, "quarter", detector, "180" if listed else "")
    assert record.rotation == 180 and {frame.status for frame in record.frames if frame.crop} == {"rotated"}
    plain = extract(write_video(tmp_path / "b.mp4", upright, codec="h264"), "quarter", detector, "180")
    assert plain.rotation == 0
    stored = [[frame.box for frame in each.frames if frame.crop] for each in (record, plain)]
    assert all(iou(a, b) > 0.9 for a, b in zip(*stored, strict=True))
