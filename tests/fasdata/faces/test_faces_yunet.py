"""YuNet with real weights, where the machine has them; they are not part of the project."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from fasdata.errors import UserError
from fasdata.faces.detector import iou
from fasdata.faces.model_file import file_sha256
from fasdata.faces.yunet import YunetDetector
from fasdata.media.frame import turn
from fasdata.media.video import VideoSource

MODELS, CLIPS = os.environ.get("FAS_DETECTOR_MODELS", ""), os.environ.get("FAS_REAL_CLIPS", "")

needs_models = pytest.mark.skipif(
    not MODELS, reason="FAS_DETECTOR_MODELS names no folder with yunet_n_dynamic.onnx; weights are not shipped"
)
needs_clips = pytest.mark.skipif(not CLIPS, reason="FAS_REAL_CLIPS names no folder of real face clips")


def model(name: str = "yunet_n_dynamic") -> Path:
    return Path(MODELS) / f"{name}.onnx"


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """A frame of a live person facing the camera, 640 x 480."""
    clip = next(path for path in sorted(Path(CLIPS).iterdir()) if path.stem == "book")
    (frame,) = VideoSource(clip).frames({10})
    return frame.rgb


@pytest.mark.parametrize("content", [b"no model", b""])
def test_what_is_no_model_is_refused_in_a_line(tmp_path, capfd, content):
    path = tmp_path / "yunet.onnx"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"yunet\.onnx cannot be used as --detector-model") as raised:
        YunetDetector(path)
    assert "\n" not in str(raised.value) and capfd.readouterr().err == ""


def test_a_network_of_another_kind_is_refused(tmp_path):
    pytest.importorskip("onnx", reason="the package onnx makes the model of this test")
    from tests.fasdata.faces.onnx_faces import write_scrfd

    with pytest.raises(UserError, match="expected the ONNX file of a YuNet"):
        YunetDetector(write_scrfd(tmp_path / "scrfd.onnx", {}))


@needs_models
@needs_clips
def test_one_face_with_its_points_in_order(picture):
    detector = YunetDetector(model())
    assert detector.fingerprint == file_sha256(model()) and len(detector.fingerprint) == 64
    (detected,) = detector.detect([picture])
    (face,) = detected
    left, right, nose, mouth_left, mouth_right = face.landmarks
    assert left[0] < nose[0] < right[0] and mouth_left[0] < mouth_right[0]
    assert max(left[1], right[1]) < nose[1] < min(mouth_left[1], mouth_right[1])
    x0, y0, x1, y1 = face.box
    assert all(x0 < x < x1 and y0 < y < y1 for x, y in face.landmarks)
    assert 0.8 < face.score <= 1


@needs_models
@needs_clips
def test_both_files_say_the_same_and_a_batch_what_its_frames_say(picture):
    frames = [picture, picture[:, ::-1].copy(), np.zeros((100, 90, 3), np.uint8), turn(picture, 90)]
    a, b = (YunetDetector(model(name)) for name in ("yunet_n_dynamic", "yunet_n_640_640"))
    together = a.detect(frames)
    assert together == b.detect(frames) == [a.detect([frame])[0] for frame in frames]
    assert [len(faces) for faces in together[:3]] == [1, 1, 0]
    mirrored = together[1][0].box
    width = picture.shape[1]
    assert iou(together[0][0].box, (width - 1 - mirrored[2], mirrored[1], width - 1 - mirrored[0], mirrored[3])) > 0.8


@needs_models
@needs_clips
def test_large_frames_are_searched_small_and_told_in_their_own_pixels(picture):
    (known,), (large,) = YunetDetector(model()).detect([picture, cv2.resize(picture, (1920, 1440))])[0:2]
    eyes = np.linalg.norm(np.subtract(*known.landmarks[:2]))
    back = (np.array(large.landmarks) + 0.5) / 3 - 0.5
    assert np.linalg.norm(back - known.landmarks, axis=1).max() < 0.05 * eyes


@needs_models
@needs_clips
def test_a_precropped_face_is_found_in_its_own_pixels(picture):
    (known,) = YunetDetector(model()).detect([picture])[0]
    x0, y0, x1, y1 = (round(value) for value in known.box)
    crop = cv2.resize(picture[y0:y1, x0:x1], None, fx=8, fy=8)  # some 480 x 640: larger than what YuNet knows
    (face,) = YunetDetector(model(), precropped=True).detect([crop])[0]
    assert iou(face.box, (0, 0, crop.shape[1], crop.shape[0])) > 0.6
    back = (np.array(face.landmarks) + 0.5) / 8 - 0.5 + [x0, y0]
    eyes = np.linalg.norm(np.subtract(*known.landmarks[:2]))
    assert np.linalg.norm(back - known.landmarks, axis=1).mean() < 0.15 * eyes


@needs_models
@needs_clips
def test_small_faces_and_low_scores_are_left_out(picture):
    assert YunetDetector(model(), min_face=100).detect([picture]) == [[]]
    assert YunetDetector(model(), min_score=0.99).detect([picture]) == [[]]
