"""RetinaFace-MobileNet0.25, slim and RFB: against numbers of the published code, and with real weights."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from fasdata.errors import UserError
from fasdata.faces.detector import DetectorRequest
from fasdata.faces.detectors import detector_identity, make_detector
from fasdata.faces.model_file import file_sha256
from fasdata.faces.retinaface_mnet import RetinaFaceMnetDetector
from fasdata.faces.retinaface_networks import NETWORKS, Anchors, passed_on
from fasdata.media.video import VideoSource
from tests.golden.fill import Fill

GOLDEN = Path(__file__).parents[2] / "golden" / "retinaface_mnet" / "published.json"
ASSETS, CLIPS = os.environ.get("FAS_ASSETS", ""), os.environ.get("FAS_REAL_CLIPS", "")
FILES = {"RetinaFace-MobileNet0.25": "mobilenet0.25", "slim": "slim", "RFB": "RBF"}

needs_files = pytest.mark.skipif(not ASSETS, reason="FAS_ASSETS names no folder with detectors/biubug6_….pth")
needs_clips = pytest.mark.skipif(not CLIPS, reason="FAS_REAL_CLIPS names no folder of real face clips")


FILL = Fill("retinaface-mnet:")


def made_weights(name: str) -> dict[str, torch.Tensor]:
    """Return weights by rule: those for which the published network's answers are on record."""
    own = NETWORKS[name]().state_dict()
    made = {key: np.asarray(FILL.tensor(f"{name}:{key}", tuple(value.shape))) for key, value in own.items()}
    return {key: torch.from_numpy(value).to(own[key].dtype) for key, value in made.items()}


def made_picture(width: int, height: int) -> np.ndarray:
    return (FILL.image("frame", (1, 3, height, width))[0].transpose(1, 2, 0) * 255).astype(np.uint8)


def saved(tmp_path: Path, name: str) -> Path:
    torch.save(made_weights(name), tmp_path / f"{name}.pth")
    return tmp_path / f"{name}.pth"


def rows(faces: list) -> np.ndarray:
    return np.array([[*face.box, *np.ravel(face.landmarks), face.score] for face in faces]).reshape(-1, 15)


def real(name: str, **options: object) -> RetinaFaceMnetDetector:
    return RetinaFaceMnetDetector(Path(ASSETS) / "detectors" / f"biubug6_{FILES[name]}_Final.pth", **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    (frame,) = VideoSource(next(path for path in Path(CLIPS).iterdir() if path.stem == "book")).frames({10})
    return frame.rgb


# -- Against the published code ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
def test_answers_of_the_network_are_the_published_ones(name: str) -> None:
    golden = json.loads(GOLDEN.read_text())["networks"][name]
    network = NETWORKS[name]().eval()
    network.load_state_dict(made_weights(name))
    image = torch.from_numpy(made_picture(70, 90)[..., ::-1].copy()).permute(2, 0, 1)[None].float() / 32 - 4
    with torch.inference_mode():
        box, classes, points = network(image)
    assert box.shape[1] == golden["anchors"] == len(network.anchors.of(70, 90))
    for values, kept in ((box, "boxes"), (classes.softmax(-1), "scores"), (points, "points")):
        expected = np.array(golden[kept])
        step = values.numel() // len(expected)
        got = values.double().flatten()[::step][: len(expected)].numpy()
        assert expected.std() > 1e-3 and np.abs(got - expected).max() < 1e-5 * max(1, np.abs(expected).max())


@pytest.mark.parametrize("name", NETWORKS)
def test_boxes_points_and_scores_are_the_published_ones(tmp_path: Path, name: str) -> None:
    """The published decoding and suppression of the same network, on a picture whose sides no step divides."""
    golden = json.loads(GOLDEN.read_text())["faces"][name]
    detector = RetinaFaceMnetDetector(saved(tmp_path, name), min_face=1, min_score=golden["min_score"])
    (faces,) = detector.detect([made_picture(150, 110)])
    got, expected = rows(faces), np.array(golden["rows"])
    assert len(expected) > 3 and got.shape == expected.shape
    assert np.abs(got[:, :14] - expected[:, :14]).max() < 1.5e-3 and np.abs(got[:, 14] - expected[:, 14]).max() < 1e-5


def test_anchors_stand_in_the_middle_of_their_cells_row_by_row() -> None:
    anchors = Anchors((8, 16), ((10, 20), (32,))).of(17, 9)
    assert anchors.shape == (3 * 2 * 2 + 2 * 1, 3)
    assert anchors[:3].tolist() == [[4, 4, 10], [4, 4, 20], [12, 4, 10]] and anchors[-1].tolist() == [24, 8, 32]


# -- As a detector ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_network_is_told_by_the_names_in_the_file(tmp_path: Path, name: str, prefix: str) -> None:
    torch.save({"state_dict": {prefix + key: value for key, value in made_weights(name).items()}}, tmp_path / "a.pth")
    request = DetectorRequest(model=str(tmp_path / "a.pth"), min_face=30, precropped=True)
    detector = make_detector("retinaface-mnet", request)
    assert isinstance(detector, RetinaFaceMnetDetector) and detector.kind == name
    assert detector.fingerprint == file_sha256(tmp_path / "a.pth")
    assert detector_identity("retinaface-mnet", request) == {
        "detector_weights_sha256": detector.fingerprint,
        "detector_settings": detector.settings,
    }
    assert detector.settings["margin"] == 0.5 and detector.settings["min_face"] == 30


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"conv1.0.weight": torch.zeros(16, 3, 3, 3)}, r"another network \(1 entries, the first conv1\.0\.weight\)"),
        ({"epoch": 3}, "is no file of weights"),
        (torch.nn.Linear(2, 2), "is a whole pickled network"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"\x08\x07 an ONNX file, perhaps", "is no readable checkpoint"),
    ],
)
def test_another_file_is_refused_in_a_line(tmp_path: Path, content: object, words: str) -> None:
    path = tmp_path / "a.pth"
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    with pytest.raises(UserError, match=words) as caught:
        RetinaFaceMnetDetector(path)
    assert "\n" not in str(caught.value) and "a.pth" in str(caught.value)


@pytest.mark.parametrize("leak", [0.0, 0.1])
def test_a_file_of_the_same_names_for_leaky_rectifiers_is_refused(tmp_path: Path, leak: float) -> None:
    """The means that normalisation remembers are made as training leaves them, with some noise."""
    state, noise = made_weights("RetinaFace-MobileNet0.25"), torch.Generator().manual_seed(0)
    before = "body.stage1.0.1"
    for place in [f"body.stage{stage}.{k}" for stage, count in ((1, 6), (2, 6), (3, 2)) for k in range(count)][1:]:
        means = passed_on(state[f"{before}.bias"], state[f"{before}.weight"], leak)
        kernel = state[f"{place}.0.weight"].sum(dim=(1, 2, 3))
        state[f"{place}.1.running_mean"] = kernel * means + 0.01 * torch.randn(len(means), generator=noise)
        before = f"{place}.4"
    torch.save(state, tmp_path / "a.pth")
    if leak:
        with pytest.raises(UserError, match=r"leaky rectifiers, as biubug6/Pytorch_Retinaface trains it"):
            RetinaFaceMnetDetector(tmp_path / "a.pth")
    else:
        assert RetinaFaceMnetDetector(tmp_path / "a.pth").kind == "RetinaFace-MobileNet0.25"


def test_rectified_means_are_those_of_samples() -> None:
    mean, deviation = torch.tensor([-1.0, 0.0, 0.5]), torch.tensor([1.0, -2.0, 0.3])
    samples = mean + deviation * torch.randn(200_000, 3, generator=torch.Generator().manual_seed(0))
    for leak in (0.0, 0.1):
        expected = torch.nn.functional.leaky_relu(samples, leak).mean(dim=0)
        assert torch.allclose(passed_on(mean, deviation, leak), expected, atol=0.01)


@pytest.mark.parametrize("name", NETWORKS)
def test_numbers_that_are_none_are_refused(tmp_path: Path, name: str) -> None:
    torch.save({key: value * float("nan") for key, value in made_weights(name).items()}, tmp_path / "a.pth")
    with pytest.raises(UserError, match=r"cannot be used as --detector-model.*scores are no numbers"):
        RetinaFaceMnetDetector(tmp_path / "a.pth")


def test_a_batch_says_what_its_frames_say_and_small_faces_are_left_out(tmp_path: Path) -> None:
    golden = json.loads(GOLDEN.read_text())["faces"]["slim"]
    detector = RetinaFaceMnetDetector(saved(tmp_path, "slim"), min_face=1, min_score=golden["min_score"])
    frames = [made_picture(150, 110), made_picture(90, 120), made_picture(150, 110)[:, ::-1].copy()]
    together = detector.detect(frames)
    assert together == [detector.detect([frame])[0] for frame in frames] and together[0]
    sizes = [max(f.box[2] - f.box[0], f.box[3] - f.box[1]) for f in together[0]]
    limit = int(np.median(sizes))
    large = RetinaFaceMnetDetector(saved(tmp_path, "slim"), min_face=limit, min_score=golden["min_score"])
    (kept,) = large.detect(frames[:1])
    assert kept == [face for face, size in zip(together[0], sizes, strict=True) if size >= limit]
    assert 0 < len(kept) < len(sizes)


# -- With the real files, where the machine has them ------------------------------------------------------------------


@needs_files
@needs_clips
@pytest.mark.parametrize("name", NETWORKS)
def test_the_real_files_find_the_face_with_its_points_in_order(picture: np.ndarray, name: str) -> None:
    detector = real(name)
    assert detector.kind == name
    face = max(detector.detect([picture])[0], key=lambda face: face.score)
    left, right, nose, mouth_left, mouth_right = face.landmarks
    assert face.score > 0.95 and left[0] < nose[0] < right[0] and mouth_left[0] < mouth_right[0]
    assert max(left[1], right[1]) < nose[1] < min(mouth_left[1], mouth_right[1])
    x0, y0, x1, y1 = face.box
    assert all(x0 < x < x1 and y0 < y < y1 for x, y in face.landmarks)


@needs_files
@needs_clips
@pytest.mark.parametrize("name", NETWORKS)
def test_a_precropped_face_is_found_in_its_own_pixels(picture: np.ndarray, name: str) -> None:
    known = max(real(name).detect([picture])[0], key=lambda face: face.score)
    x0, y0, x1, y1 = (round(value) for value in known.box)
    faces = real(name, precropped=True, min_face=20).detect([picture[y0:y1, x0:x1]])[0]
    best = max(faces, key=lambda face: face.score)
    eyes = np.linalg.norm(np.subtract(*known.landmarks[:2]))
    assert np.linalg.norm(np.add(best.landmarks, [x0, y0]) - known.landmarks, axis=1).mean() < 0.15 * eyes
