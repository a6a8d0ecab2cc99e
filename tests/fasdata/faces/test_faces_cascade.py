"""MTCNN's stages against facenet-pytorch's own, near a known face against the whole frame, and the means they see."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fasdata.faces.cascade import pyramid
from fasdata.faces.cascade_windows import AreaSums, Cells
from fasdata.faces.detector import DetectorRequest, iou, pick_face
from fasdata.faces.mtcnn import MtcnnDetector, settings
from fasdata.synth.presentation.bona_fide import ClipSpec
from fasdata.synth.presentation.clip import render_clip
from tests.fabricate import noise


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    """Rendered people, as the camera of a dataset sees them."""
    shots = [
        next(render_clip(ClipSpec(dataset, "7", "7-a", shown, 1), seed=3))  # type: ignore[arg-type]
        for dataset, shown in (("msu-mfsd", "bonafide"), ("oulu-npu", "print-flat"), ("casia-fasd", "display-video"))
    ]
    return [np.ascontiguousarray(shot.picture) for shot in shots]


@pytest.fixture(scope="module")
def detector() -> MtcnnDetector:
    torch.set_num_threads(1)
    return MtcnnDetector(min_face=20)


def close(a, b, tolerance: float = 0.01) -> bool:
    return len(a.landmarks) == len(b.landmarks) and all(
        np.allclose(p, q, atol=tolerance) for p, q in ((a.box, b.box), (a.landmarks, b.landmarks), (a.score, b.score))
    )


@pytest.mark.parametrize("min_face", [20, 40])
def test_faces_and_points_are_those_of_facenet_pytorch(pictures, min_face):
    from facenet_pytorch import MTCNN

    theirs = MTCNN(keep_all=True, post_process=False)  # its default: faces from 20 pixels on
    ours = MtcnnDetector(min_face=min_face)
    for picture in pictures:
        boxes, scores, points = theirs.detect(picture, landmarks=True)
        faces = ours.detect([picture])[0]
        assert boxes is not None and len(faces) >= 1
        for face in faces:
            place = int(np.argmax([iou(face.box, tuple(box)) for box in boxes]))
            assert np.allclose(face.box, boxes[place].astype(float), atol=0.01)
            assert np.allclose(face.landmarks, points[place].astype(float), atol=0.01)
            assert face.score == pytest.approx(float(scores[place]), abs=1e-4)
        large = [box for box in boxes if max(box[2] - box[0], box[3] - box[1]) > 60]
        assert len([face for face in faces if face.box[2] - face.box[0] > 45]) >= len(large)


def test_a_batch_says_what_its_frames_say_and_odd_sizes_are_no_trouble(pictures, detector):
    frames = [*pictures, pictures[0][:, ::-1].copy(), np.zeros((9, 300, 3), np.uint8), np.zeros((12, 12, 3), np.uint8)]
    together = detector.detect(frames)
    assert together == [detector.detect([frame])[0] for frame in frames]
    assert together[-2:] == [[], []] and detector.detect([]) == []


def test_near_a_face_the_search_finds_what_the_whole_frame_shows(pictures, detector):
    for picture in pictures:
        whole = pick_face(detector.detect([picture])[0])
        assert whole is not None
        side = whole.box[2] - whole.box[0]
        for dx, dy in ((0, 0), (0.15, 0.1), (-0.2, 0.1)):
            moved = tuple(value + side * shift for value, shift in zip(whole.box, (dx, dy, dx, dy), strict=True))
            near = pick_face(detector.detect_near([picture], [moved])[0], whole.box)
            assert near is not None and close(near, whole), (dx, dy)


def test_at_a_face_box_and_points_are_told_without_a_search(pictures, detector):
    for picture in pictures:
        whole = pick_face(detector.detect([picture])[0])
        eyes = np.hypot(*np.subtract(whole.landmarks[0], whole.landmarks[1]))
        (face,) = detector.refine([picture], [whole.box])[0]
        assert iou(face.box, whole.box) > 0.75 and face.score > 0.7
        assert np.linalg.norm(np.subtract(face.landmarks, whole.landmarks), axis=1).mean() < 0.15 * eyes


@pytest.mark.parametrize(
    "box", [(-500, -500, -400, -400), (5, 5, 5, 5), (0, 0, 0, 0), (600.5, 2, 900, 300), (9, 9, 3, 3)]
)
def test_boxes_off_the_picture_or_empty_show_nobody(detector, box):
    picture = noise(3, 90, 120, 3)
    assert detector.detect_near([picture], [box]) == [[]] and detector.refine([picture], [box]) == [[]]


@pytest.mark.parametrize("min_face", [12, 20, 29, 40, 57, 300])
def test_the_pyramid_is_a_part_of_the_default_one(min_face):
    scales = MtcnnDetector(min_face=min_face).scales(640, 480)
    default = pyramid(640, 480, 12 / 20)
    assert 12 / scales[0] <= min_face + 1e-6 and 12 / scales[0] * (1 / 0.709) > min_face
    shared = min(len(scales), len(default))
    assert scales[-shared:] == pytest.approx(default[-shared:]) and (shared == len(default)) == (min_face < 28)
    assert settings(DetectorRequest(min_face=min_face))["smallest_window"] == pytest.approx(12 / scales[0], abs=1e-3)


def test_means_are_those_of_adaptive_pooling():
    picture = noise(1, 61, 83, 3)
    tensor = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
    whole = AreaSums(picture, (0, 0, 83, 61))
    for across, down in ((12, 7), (83, 61), (100, 90)):
        wanted = torch.nn.functional.adaptive_avg_pool2d(tensor, (down, across))[0].permute(1, 2, 0)
        assert np.allclose(whole.grid(Cells(83, across, 0, across), Cells(61, down, 0, down)), wanted, atol=1e-3)
        part = AreaSums(picture, (10, 5, 70, 58))
        columns, rows = Cells(83, across, across // 4, across // 2), Cells(61, down, down // 4, down // 2)
        assert np.allclose(
            part.grid(columns, rows), wanted[rows.first : rows.last, columns.first : columns.last], atol=1e-3
        )
    boxes = np.array([(12, 6, 40, 30), (11, 20, 13, 58), (10, 5, 70, 58)])
    for (x0, y0, x1, y1), seen in zip(boxes, AreaSums(picture, (10, 5, 70, 58)).squares(boxes, 24), strict=True):
        wanted = torch.nn.functional.adaptive_avg_pool2d(tensor[:, :, y0:y1, x0:x1], 24)[0].permute(1, 2, 0)
        assert np.allclose(seen, wanted, atol=1e-3)


def test_the_networks_as_onnx_find_the_same_without_torch(pictures, detector):
    from fasdata.faces.cascade_networks import as_onnx

    files = as_onnx()
    alone = MtcnnDetector(min_face=20, files=files)
    for ours, theirs in zip(detector.detect(pictures), alone.detect(pictures), strict=True):
        assert len(ours) == len(theirs) >= 1
        assert all(close(a, b) for a, b in zip(ours, theirs, strict=True))
    assert alone.fingerprint != detector.fingerprint  # other files, named by what they are


def test_overlapping_boxes_go_as_torchvision_lets_them_go():
    from torchvision.ops import nms

    from fasdata.faces.cascade_windows import without_overlapping

    rng = np.random.default_rng(3)
    for count in (0, 1, 7, 200):
        corner, side = rng.integers(0, 90, (count, 2)), rng.integers(0, 40, (count, 1))  # some have no area
        boxes = np.concatenate([corner, corner + side], 1).astype(np.float32)
        scores = rng.random(count).round(1).astype(np.float32)  # many are equal
        for overlap in (0.5, 0.7):
            expected = nms(torch.from_numpy(boxes), torch.from_numpy(scores), overlap).numpy()
            assert np.array_equal(without_overlapping(boxes, scores, overlap), expected)
