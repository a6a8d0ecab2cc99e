"""Stores that do not state a setting, because it came later, keep the behaviour of their time; also when widened."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from fasdata.datasets.registry import find_card
from fasdata.datasets.scan import scan
from fasdata.extract.extraction import plan_extract, run_extract, settings_for
from fasdata.library import Library
from fasdata.store.reader import Store
from tests.commands import Called
from tests.faulty_videos import moving, overwritten, write_recording

LATER = {"container", "face_rule", "on_damage"}
SKULL, FACE = ([20, 20, 80, 80], 0.97), ([60, 10, 90, 40], 0.9999)


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Path:
    """A mirrored recording with a damaged packet, and two faces on each of its frames."""
    root = tmp_path_factory.mktemp("raw")
    path = root / "train" / "attack" / "anna" / "c.mov"
    write_recording(path, "mjpeg", moving(20), prepare=lambda stream: stream.set_display_rotation(0, hflip=True))
    overwritten(path, 12, 0)
    return root


@pytest.fixture(scope="module")
def faces(raw, tmp_path_factory) -> Path:
    """Its faces for the detector `json`."""
    (clip,) = scan(find_card("folder"), raw).clips
    known = [{"frame": i, "box": box, "score": score} for i in range(20) for box, score in (SKULL, FACE)]
    path = tmp_path_factory.mktemp("faces") / "faces.jsonl"
    path.write_text(json.dumps({"clip": clip.clip_id, "faces": known}) + "\n")
    return path


def of_its_time(raw: Path, faces: Path, library: Library, rules: str) -> Store:
    """Make a store as the first versions did, whose configuration states none of the later settings."""
    settings = settings_for("folder", rules, detector="json", detector_model=str(faces))
    plan = plan_extract(find_card("folder"), raw, library, settings)
    plan = replace(plan, settings=plan.settings.settled(plan.settings.form, {}))
    run_extract(plan, raw)
    return Store.open(plan.folder)


def extract(raw: Path, faces: Path, library: Path, rules: str, *options: str) -> Called:
    return Called(
        "fasdata", "extract", "folder", "--root", raw, "--out", library, "--frames", rules, "--detector", "json",
        "--detector-model", faces, "-j", 1, *options,
    )  # fmt: skip


def test_a_first_store_widens_to_the_hash_it_would_have_had(raw, faces, tmp_path):
    at_once = of_its_time(raw, faces, Library(tmp_path / "a"), "every(5) + every(2)")
    store = of_its_time(raw, faces, Library(tmp_path / "b"), "every(5)")
    assert not LATER & store.info.config.keys()
    assert extract(raw, faces, tmp_path / "b", "every(2)").code == 0
    widened = Store.open(store.folder)
    assert widened.content_hash() == at_once.content_hash() and widened.info.fingerprint == store.info.fingerprint
    (record,) = widened.records()
    assert record.n_frames == 12 and record.rotation == 180  # it stops at the packet, and is turned, as in its time
    assert {frame.box for frame in record.frames if frame.box} == {tuple(map(float, SKULL[0]))}


def test_a_new_store_states_what_it_does_and_goes_on_so(raw, faces, tmp_path):
    assert extract(raw, faces, tmp_path, "every(5)").code == 0
    store = Store.open(tmp_path / "folder")
    stated = {name: store.info.config[name] for name in LATER}
    assert stated == {"container": 2, "face_rule": "confident", "on_damage": "skip"}
    (record,) = store.records()
    assert record.n_frames == 19 and record.rotation == 0 and record.frames[0].box == tuple(map(float, FACE[0]))
    assert extract(raw, faces, tmp_path, "every(2)").code == 0
    assert extract(raw, faces, tmp_path / "at-once", "every(5) + every(2)").code == 0
    assert Store.open(store.folder).content_hash() == Store.open(tmp_path / "at-once" / "folder").content_hash()


@pytest.mark.parametrize(
    ("option", "value"), [("--face-rule", "confident"), ("--face-rule", "probable"), ("--on-damage", "skip")]
)
def test_another_rule_than_that_of_its_time_is_another_configuration(raw, faces, tmp_path, option, value):
    of_its_time(raw, faces, Library(tmp_path), "every(5)")
    refusal = extract(raw, faces, tmp_path, "every(2)", option, value)
    assert refusal.code != 0 and f'{option[2:].replace("-", "_")}="{value}"' in refusal.line


def test_stop_is_recorded_and_continued_only_as_such(raw, faces, tmp_path):
    assert extract(raw, faces, tmp_path, "every(5)", "--on-damage", "stop", "--face-rule", "largest").code == 0
    store = Store.open(tmp_path / "folder")
    (record,) = store.records()
    assert record.n_frames == 12 and record.frames[0].box == tuple(map(float, SKULL[0]))
    assert store.info.config["on_damage"] == "stop" and record.rotation == 0
    assert "face_rule" in extract(raw, faces, tmp_path, "every(2)", "--on-damage", "stop").line
    assert extract(raw, faces, tmp_path, "every(2)", "--on-damage", "stop", "--face-rule", "largest").code == 0


def test_a_word_that_is_no_rule_is_one_line(raw, faces, tmp_path):
    assert "--on-damage" in extract(raw, faces, tmp_path, "every(5)", "--on-damage", "skp").line
