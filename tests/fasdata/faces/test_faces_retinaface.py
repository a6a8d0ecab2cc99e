"""RetinaFace through insightface, on ONNX files made in code that hold known faces."""

import numpy as np
import pytest

from fasdata.errors import UserError
from fasdata.extract.clip_extractor import ClipExtractor
from fasdata.extract.settings import ExtractSettings
from fasdata.faces.detector import Letterbox
from fasdata.faces.model_file import INSIGHTFACE_PACKS, file_sha256
from fasdata.media.frame import Frame, turn
from fasdata.protocols.sampling import parse_rules
from fasdata.records import Clip, Face
from tests.fasdata.faces.onnx_faces import SIDE, write_scrfd

pytest.importorskip("insightface", reason="the extra 'retinaface' is not installed")
pytest.importorskip("onnx", reason="the package onnx makes the models of these tests")

from fasdata.faces.retinaface import PACKS, RetinaFaceDetector, retinaface_model

EXACT = 1e-3  # pixels of the frame
RED = (255, 0, 0)


def face(x: float, y: float, size: float, score: float) -> Face:
    """Return a face of odd numbers about (x, y)."""
    points = ((-0.21, -0.17), (0.19, -0.16), (0.013, 0.07), (-0.15, 0.24), (0.16, 0.25))
    return Face(
        (x - 0.41 * size, y - 0.53 * size, x + 0.43 * size, y + 0.51 * size),
        tuple((x + a * size, y + b * size) for a, b in points),
        score,
    )


def faces_in(width: int, height: int) -> dict[int, list[Face]]:
    """Return faces of an upright frame, one a stride."""
    side = min(width, height)
    return {
        8: [face(0.21 * width, 0.33 * height, 0.15 * side, 0.91)],
        16: [face(0.52 * width, 0.61 * height, 0.31 * side, 0.97)],
        32: [face(0.81 * width, 0.41 * height, 0.37 * side, 0.88)],
    }


def scaled(faces: dict[int, list[Face]], box: Letterbox) -> dict[int, list[Face]]:
    """Return the faces as the network sees them."""

    def there(point):
        return (point[0] * box.scale + box.shift[0], point[1] * box.scale + box.shift[1])

    def moved(known: Face) -> Face:
        corners = (*there(known.box[:2]), *there(known.box[2:]))
        return Face(corners, tuple(there(point) for point in known.landmarks), known.score)

    return {stride: [moved(known) for known in those] for stride, those in faces.items()}


def frame_of(width: int, height: int, colour=RED) -> np.ndarray:
    """Return a grey upright frame with a mark at its top left, as large as the network needs to see it."""
    frame = np.full((height, width, 3), 128, np.uint8)
    mark = 16 * max(width, height) // SIDE + 2
    frame[:mark, :mark] = colour
    return frame


def written(folder, width: int, height: int, margin: float = 0.0, **how):
    box = Letterbox.fixed(width, height, (SIDE, SIDE), margin)
    return write_scrfd(folder / "model.onnx", scaled(faces_in(width, height), box), **how)


def assert_same(detected: list[Face], expected: list[Face]) -> None:
    assert len(detected) == len(expected)
    for a, b in zip(*(sorted(faces, key=lambda face: face.box) for faces in (detected, expected)), strict=True):
        assert np.allclose(a.box, b.box, rtol=0, atol=EXACT)
        assert np.allclose(a.landmarks, b.landmarks, rtol=0, atol=EXACT)
        assert a.score == pytest.approx(b.score, abs=1e-5)


@pytest.mark.parametrize("size", [(640, 640), (1920, 1080), (1080, 1920), (853, 481), (320, 240), (3001, 1777)])
def test_boxes_and_points_of_all_strides_come_back_in_pixels_of_the_frame(tmp_path, size):
    detector = RetinaFaceDetector(written(tmp_path, *size), min_face=12)
    (detected,) = detector.detect([frame_of(*size)])
    assert_same(detected, [known for those in faces_in(*size).values() for known in those])


def test_the_network_sees_red_as_red_and_frames_in_their_order(tmp_path):
    detector = RetinaFaceDetector(written(tmp_path, 800, 600))
    frames = [frame_of(800, 600, colour) for colour in ((0, 0, 255), RED, (255, 255, 255))]
    assert [len(detected) for detected in detector.detect(frames)] == [0, 3, 0]


def test_a_precropped_face_gets_room_around_it(tmp_path):
    detector = RetinaFaceDetector(written(tmp_path, 200, 260, margin=0.5, gate=200), min_face=12, precropped=True)
    assert detector.settings["margin"] == 0.5
    frame = np.zeros((260, 200, 3), np.uint8)
    frame[:] = RED
    (detected,) = detector.detect([frame])
    assert_same(detected, [known for those in faces_in(200, 260).values() for known in those])
    assert RetinaFaceDetector(written(tmp_path, 200, 260, gate=200)).detect([frame * 0]) == [[]]


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_a_recording_that_lies_is_turned_and_told_in_upright_pixels(tmp_path, turned):
    upright = frame_of(1280, 720)
    known = faces_in(1280, 720)
    surest = known[16][0]  # the face of stride 32 is larger, with a score of 0.88
    stored = turn(upright, -turned % 360)  # as the file has it: it takes a turn by `turned` to see it upright

    class Recording:
        frame_rate, rotation, n_hint, n_decoded, damage, notes = 25.0, 0, 12, 12, "", ()

        def frames(self, indices=None, *, to_end=False):
            yield from (Frame(i, i / 25, {"rgb": stored}) for i in range(12) if indices is None or i in indices)

    settings = ExtractSettings(tuple(parse_rules("first(2)@decoded")))
    # Scores of 0.9 and more count in the trial of orientations: the face of stride 16 has 0.97.
    detector = RetinaFaceDetector(written(tmp_path, 1280, 720))
    record, _ = ClipExtractor(settings, detector).extract(Clip("d", "c", {"rgb": "c.avi"}), Recording())
    assert (record.rotation, record.width, record.height) == (turned, 1280, 720)
    for index in (0, 1):
        frame = record.frame(index)
        assert frame.status == "rotated" and frame.n_faces == 3
        assert_same([Face(frame.box, frame.landmarks, frame.score)], [surest])


def test_small_faces_and_low_scores_are_left_out(tmp_path):
    model = written(tmp_path, 640, 640)
    assert [len(RetinaFaceDetector(model, min_face=m).detect([frame_of(640, 640)])[0]) for m in (90, 110, 300)] == [
        3,
        2,
        0,
    ]
    assert len(RetinaFaceDetector(model, min_score=0.9).detect([frame_of(640, 640)])[0]) == 2


def test_a_model_without_points_gives_faces_without(tmp_path):
    detector = RetinaFaceDetector(written(tmp_path, 640, 640, points=False))
    assert [face.landmarks for face in detector.detect([frame_of(640, 640)])[0]] == [(), (), ()]


def test_the_fingerprint_is_that_of_the_file(tmp_path):
    model = written(tmp_path, 640, 640)
    assert RetinaFaceDetector(model).fingerprint == file_sha256(model) and len(file_sha256(model)) == 64


@pytest.mark.parametrize("content", [b"no model", b"\x08\x08" * 500])
def test_what_is_no_model_is_refused_in_a_line(tmp_path, capfd, content):
    path = tmp_path / "det.onnx"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"det\.onnx cannot be used as --detector-model") as raised:
        RetinaFaceDetector(path)
    assert "\n" not in str(raised.value) and capfd.readouterr().err == ""


def test_a_model_that_fails_only_where_there_is_a_face_is_refused_in_a_line(tmp_path):
    import onnx
    from onnx import numpy_helper

    model = onnx.load(str(written(tmp_path, 640, 640)))
    points = next(constant for constant in model.graph.initializer if constant.name == "c_points16")
    points.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(points)[:, :8].copy(), "c_points16"))
    next(o for o in model.graph.output if o.name == "points16").type.tensor_type.shape.dim[1].dim_value = 8
    onnx.save(model, str(tmp_path / "four.onnx"))
    detector = RetinaFaceDetector(tmp_path / "four.onnx")  # four points of faces of middle size, five of others
    assert detector.detect([frame_of(640, 640, (0, 0, 0))]) == [[]]
    with pytest.raises(UserError, match=r"four\.onnx cannot be used as --detector-model.*dimension") as raised:
        detector.detect([frame_of(640, 640)])
    assert "\n" not in str(raised.value)


def test_a_model_for_another_task_is_refused(tmp_path):
    import onnx

    model = onnx.load(str(written(tmp_path, 640, 640)))
    del model.graph.output[1:]
    onnx.save(model, str(tmp_path / "other.onnx"))
    with pytest.raises(UserError, match="expected a detection model of insightface"):
        RetinaFaceDetector(tmp_path / "other.onnx")


@pytest.mark.parametrize("folder", ["", "antelopev2"])
def test_a_pack_is_found_where_insightface_keeps_it_and_only_its_detector_is_taken(tmp_path, monkeypatch, folder):
    monkeypatch.setenv("HOME", str(tmp_path))
    pack = tmp_path / INSIGHTFACE_PACKS.folder / "antelopev2" / folder
    pack.mkdir(parents=True)
    for name in (PACKS["antelopev2"], "glintr100.onnx", "genderage.onnx"):
        (pack / name).write_bytes(b"x")
    assert retinaface_model("antelopev2") == pack / "scrfd_10g_bnkps.onnx"


def test_nothing_is_downloaded_unless_asked(tmp_path, monkeypatch):
    import insightface.utils

    monkeypatch.setenv("HOME", str(tmp_path))
    asked = []

    def ensure_available(kind: str, name: str) -> None:
        asked.append((kind, name))
        place = tmp_path / INSIGHTFACE_PACKS.folder / name
        place.mkdir(parents=True)
        (place / PACKS[name]).write_bytes(b"x")

    monkeypatch.setattr(insightface.utils, "ensure_available", ensure_available)
    with pytest.raises(UserError, match="--allow-download") as raised:
        retinaface_model("buffalo_l")
    assert "det_10g.onnx" in str(raised.value) and not asked
    assert retinaface_model("buffalo_l", allow_download=True).name == "det_10g.onnx"
    assert asked == [("models", "buffalo_l")]


def test_a_download_that_fails_is_told_in_a_line(tmp_path, monkeypatch):
    import insightface.utils

    def offline(kind: str, name: str) -> None:
        raise OSError("no route\nto host")

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(insightface.utils, "ensure_available", offline)
    with pytest.raises(UserError, match="could not be downloaded; found no route to host"):
        retinaface_model("buffalo_l", allow_download=True)


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ("buffalo_xl", "did you mean 'buffalo_l'"),
        ("nowhere/det_10g.onnx", "no such file"),
        ("det_10g.onnx", "no such file"),
        ("some/model.pt", r"expected a file named ….onnx"),
    ],
)
def test_what_names_no_model_is_told(named, words):
    with pytest.raises(UserError, match=words):
        retinaface_model(named)


def test_without_cuda_in_onnxruntime_the_gpu_is_refused(tmp_path):
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    with pytest.raises(UserError, match="onnxruntime-gpu"):
        RetinaFaceDetector(written(tmp_path, 640, 640), device="cuda")
