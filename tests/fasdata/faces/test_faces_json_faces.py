"""Faces from a file: its form, its checks, and an extraction that loads nothing heavy."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fasdata.errors import UserError
from fasdata.faces.json_faces import JsonDetector, faces_line
from fasdata.faces.model_file import file_sha256
from fasdata.records import Clip, Face
from fasdata.store.reader import Store
from tests.commands import Called
from tests.videos import flat_frames, write_video

POINTS = [[10, 12], [20, 12], [15, 17], [11, 22], [19, 22.5]]
ONE = {"frame": 0, "box": [5, 6, 25, 30], "landmarks": POINTS, "score": 0.75}


def clip(name: str) -> Clip:
    return Clip("folder", name, {"rgb": f"{name}.avi"})


def written(folder: Path, *lines: object) -> Path:
    path = folder / "faces.jsonl"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def test_faces_come_back_by_clip_and_frame(tmp_path):
    second = {**ONE, "frame": 3, "landmarks": POINTS[:2]}
    path = written(
        tmp_path,
        {"clip": "a", "faces": [ONE, second, {"frame": 3, "box": [0, 0, 1, 1]}]},
        "",
        {"clip": "b", "faces": []},
    )
    detector = JsonDetector(path)
    assert detector.fingerprint == file_sha256(path)
    frames = [np.zeros((40, 40, 3), np.uint8)] * 3
    points = tuple((float(x), float(y)) for x, y in POINTS)
    known = detector.for_clip(clip("a"), tmp_path)
    assert known.detect(frames, [3, 0, 1]) == [
        [Face((5.0, 6.0, 25.0, 30.0), points[:2], 0.75), Face((0.0, 0.0, 1.0, 1.0), (), 1.0)],
        [Face((5.0, 6.0, 25.0, 30.0), points, 0.75)],
        [],
    ]
    assert (known.name, known.fingerprint) == ("json", detector.fingerprint)
    assert detector.for_clip(clip("b"), tmp_path).detect(frames, [0, 1, 2]) == [[], [], []]
    with pytest.raises(UserError, match=r"faces\.jsonl has no line for the clip c"):
        detector.for_clip(clip("c"), tmp_path)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "line 2"),
        ("[]", "should be an object"),
        ("\x00", "Invalid JSON"),
        ("[" * 5000, "recursion"),
        ({"clip": "a"}, "faces"),
        ({"clip": "a", "faces": [], "dataset": "x"}, "dataset"),
        ({"clip": "", "faces": []}, "clip"),
        ({"clip": 7, "faces": []}, "clip"),
        ({"clip": "b", "faces": []}, "line 2 names the clip 'b' for the second time"),
        ({"clip": "a", "faces": [{**ONE, "frame": -1}]}, "faces.0.frame"),
        ({"clip": "a", "faces": [{**ONE, "frame": "0"}]}, "faces.0.frame"),
        ({"clip": "a", "faces": [ONE, {**ONE, "frame": 1.5}]}, "faces.1.frame"),
        ({"clip": "a", "faces": [{**ONE, "score": 1.01}]}, "score"),
        ({"clip": "a", "faces": [{**ONE, "box": [5, 6, 5, 30]}]}, "x0 < x1"),
        ({"clip": "a", "faces": [{**ONE, "box": [5, 6, 25]}]}, "box"),
        ({"clip": "a", "faces": [{**ONE, "box": [5, 6, 1e9, 30]}]}, "box"),
        ({"clip": "a", "faces": [{**ONE, "box": [5, 6, float("nan"), 30]}]}, "finite"),
        ({"clip": "a", "faces": [{**ONE, "landmarks": POINTS[:3]}]}, "expected five landmarks, two, or none; found 3"),
        ({"clip": "a", "faces": [{**ONE, "landmark": POINTS}]}, "landmark"),
    ],
)
def test_a_line_of_another_form_is_told_by_its_number(tmp_path, line, words):
    with pytest.raises(UserError, match="line 2") as raised:
        JsonDetector(written(tmp_path, {"clip": "b", "faces": []}, line))
    assert words in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_a_file_without_a_clip_is_refused(tmp_path, content):
    with pytest.raises(UserError, match="names no clip"):
        JsonDetector(written(tmp_path, content))


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "faces.jsonl"
    path.write_bytes(b'{"clip": "\xff", "faces": []}\n')
    with pytest.raises(UserError, match="line 1"):
        JsonDetector(path)


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> tuple[Path, Path]:
    """Two clips of nine frames, and a file that has a face on every frame of the one and none on the other."""
    root = tmp_path_factory.mktemp("tree")
    for label in ("bonafide", "attack"):
        write_video(root / "train" / label / "anna" / "c.avi", flat_frames(9))
    faces = [{**ONE, "frame": index} for index in range(9)]
    lines = {"clip": "train__bonafide__anna__c", "faces": faces}, {"clip": "train__attack__anna__c", "faces": []}
    return root, written(tmp_path_factory.mktemp("faces"), *lines)


def test_an_extraction_takes_its_faces_from_the_file(tree, tmp_path):
    root, faces = tree
    command = ("extract", "folder", "--root", root, "--out", tmp_path, "--frames", "every(4)", "-j", 1)
    done = Called("fasdata", *command, "--detector", "json", "--detector-model", faces)
    assert done.code == 0, done.out
    store = Store.open(tmp_path / "folder")
    assert store.info.config["detector"] == "json"
    assert store.info.config["detector_weights_sha256"] == file_sha256(faces)
    records = {record.clip.label: record for record in store.records()}
    assert (records["bonafide"].status, records["attack"].status) == ("ok", "fta")
    frames = [frame for frame in records["bonafide"].frames if frame.crop]
    assert [(frame.index, frame.status, frame.score, frame.n_faces) for frame in frames] == [
        (index, "ok", 0.75, 1) for index in (0, 4, 8)
    ]
    assert all(frame.box == (5, 6, 25, 30) for frame in frames)

    # What the store knows, written down again, is what was read.
    again = json.loads(faces_line(records["bonafide"]))
    known = json.loads(faces.read_text().splitlines()[0])
    kept = [face for face in known["faces"] if face["frame"] in {frame.index for frame in records["bonafide"].frames}]
    assert again == {"clip": f"{known['clip']}.avi", "faces": kept}  # the file is of a version without endings


def test_what_one_store_found_can_be_cropped_again_from_its_file(tree, tmp_path):
    root, faces = tree
    first, second, out = tmp_path / "first", tmp_path / "second", tmp_path / "faces.jsonl"
    command = ("extract", "folder", "--root", root, "--frames", "every(4)", "-j", 1, "--detector", "json")
    assert Called("fasdata", *command, "--out", first, "--detector-model", faces).code == 0
    written_again = Called("fasdata", "faces", "folder", "--data", first, "--out", out)
    assert written_again.code == 0 and "faces of 2 clips" in written_again.out
    assert Called("fasdata", *command, "--out", second, "--detector-model", out).code == 0
    a, b = (
        sorted(Store.open(lib / "folder").records(), key=lambda record: record.clip.clip_id) for lib in (first, second)
    )
    assert [record.frames for record in a] == [record.frames for record in b]
    assert [record.pixel_hash for record in a] == [record.pixel_hash for record in b]


def test_another_file_is_another_store(tree, tmp_path):
    root, faces = tree
    command = ("extract", "folder", "--root", root, "--out", tmp_path, "--frames", "first(1)", "-j", 1)
    assert Called("fasdata", *command, "--detector", "json", "--detector-model", faces).code == 0
    other = tmp_path / "other.jsonl"
    other.write_text(faces.read_text().replace("0.75", "0.76"))
    assert (
        "detector_weights_sha256" in Called("fasdata", *command, "--detector", "json", "--detector-model", other).line
    )


def test_a_clip_the_file_does_not_name_is_on_record_as_failed(tree, tmp_path):
    root, faces = tree
    part = tmp_path / "part.jsonl"
    part.write_text(faces.read_text().splitlines()[0])
    command = ("extract", "folder", "--root", root, "--out", tmp_path / "lib", "--frames", "first(1)", "-j", 1)
    done = Called("fasdata", *command, "--detector", "json", "--detector-model", part)
    assert done.code == 3 and "part.jsonl has no line for the clip train__attack__anna__c" in done.out


def test_torch_is_never_loaded(tree, tmp_path):
    root, faces = tree
    code = (
        "import sys\nfrom fasdata.cli import app\n"
        f"app(['extract','folder','--root',{str(root)!r},'--out',{str(tmp_path)!r},'--frames','first(1)','-j','1',"
        f"'--detector','json','--detector-model',{str(faces)!r}], standalone_mode=False)\n"
        "heavy = {'torch', 'facenet_pytorch', 'onnxruntime', 'insightface'} & set(sys.modules)\n"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
