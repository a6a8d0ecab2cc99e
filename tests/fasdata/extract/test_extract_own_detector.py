"""A detector from outside: named by the user, imported again by the processes that extract, known by its hash."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from fasdata.errors import UserError
from fasdata.faces.detectors import DETECTORS, name_detector
from fasdata.store.reader import Store
from tests.commands import Called

SOURCE = """
from fasdata.faces.detector import Detector
from fasdata.records import Face


class Middle(Detector):
    name = "middle"
    licence = "ours"

    def __init__(self, request, model):
        self.fingerprint, self.settings = "", self.numbers(request)

    @classmethod
    def numbers(cls, request):
        return {"min_face": request.min_face}

    def detect(self, frames, indices=()):
        faces = []
        for frame in frames:
            height, width = frame.shape[:2]
            box = (width * 0.25, height * 0.25, width * 0.75, height * 0.75)
            places = ((0.4, 0.4), (0.6, 0.4), (0.5, 0.5), (0.4, 0.6), (0.6, 0.6))
            points = tuple((width * x, height * y) for x, y in places)
            faces.append([Face(box, points, 0.9)])
        return faces
"""


@pytest.fixture
def middle(tmp_path: Path) -> Iterator[Path]:
    raw = tmp_path / "raw"
    raw.mkdir()
    for name in ("a", "b"):
        cv2.imwrite(str(raw / f"{name}.png"), np.full((200, 160, 3), 90, np.uint8))
    (tmp_path / "office.csv").write_text("path,label\na.png,bonafide\nb.png,attack\n")
    file = tmp_path / "middle.py"
    file.write_text(SOURCE)
    yield file
    DETECTORS.pop("middle", None)


def extract(file: Path, *more: str) -> Called:
    base = file.parent
    places = ["--root", base / "raw", "--card", base / "office.csv", "--out", base / "library", "--workers", "1"]
    return Called(
        "fasdata", "extract", "office", *places, "--frames", "first(1)", "--detector", f"{file}:Middle", *more
    )


def test_it_finds_the_faces_of_a_store_that_names_its_code(middle: Path) -> None:
    done = extract(middle)
    assert done.code == 0, done.error
    config = json.loads((middle.parent / "library/office/store.json").read_text())["config"]
    assert config["detector"] == "middle" and config["detector_settings"] == {"min_face": 40}
    code = DETECTORS["middle"].code  # type: ignore[attr-defined]
    assert config["detector_code"]["sha256"] == code.sha256
    record = Store.open(middle.parent / "library/office").record("a.png")
    assert record.frames[0].box == (40, 50, 120, 150) and record.frames[0].face_observed


def test_changed_code_does_not_add_to_the_store(middle: Path) -> None:
    assert extract(middle).code == 0
    middle.write_text(SOURCE.replace("0.25", "0.2"))
    assert "was made with another configuration; expected detector_code." in extract(middle).line


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('name = "middle"', 'name = "mtcnn"'), "is a detector of ours"),
        (('name = "middle"', 'name = "../x"'), "has no name"),
        (("class Middle(Detector)", "Middle = 3\nclass Other(Detector)"), "is no detector"),
    ],
)
def test_what_is_no_detector_is_refused(middle: Path, change: tuple[str, str], words: str) -> None:
    middle.write_text(SOURCE.replace(*change))
    with pytest.raises(UserError, match=words):
        name_detector(f"{middle}:Middle")
