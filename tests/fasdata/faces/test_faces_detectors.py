"""From settings to detectors: names, models, and what a store records."""

from dataclasses import replace
from pathlib import Path

import pytest

from fasdata.errors import UserError
from fasdata.extract.settings import ExtractSettings
from fasdata.faces.detector import DetectorRequest
from fasdata.faces.detectors import (
    DETECTORS,
    DetectorRow,
    detector_identity,
    detector_licence,
    has_own_scores,
    make_detector,
    require_detector,
)
from fasdata.faces.model_file import answering, file_sha256
from fasdata.media.readers import MediaForm
from fasdata.protocols.sampling import parse_rules
from fasdata.store.reader import Store
from tests.commands import Called
from tests.videos import flat_frames, write_video

RULES = tuple(parse_rules("first(1)"))


def settings(detector: str, **others: object) -> ExtractSettings:
    return ExtractSettings(RULES, detector, **others)


@pytest.fixture
def model(tmp_path) -> Path:
    path = tmp_path / "faces.jsonl"
    path.write_text('{"clip": "a", "faces": []}\n')
    return path


@pytest.mark.parametrize(("name", "close"), [("retina", "retinaface"), ("YuNet", "yunet"), ("mtcn", "mtcnn")])
def test_an_unknown_detector_names_the_nearest(name, close):
    with pytest.raises(UserError, match=f"did you mean '{close}'"):
        settings(name)


@pytest.mark.parametrize("detector", ["retinaface", "retinaface-mnet", "yunet", "json"])
def test_a_detector_that_needs_a_model_says_so(detector):
    with pytest.raises(UserError, match=f"--detector {detector} needs --detector-model; expected"):
        settings(detector)


@pytest.mark.parametrize("detector", ["mtcnn", "none", "given", "auto"])
def test_a_model_where_none_is_used_is_refused(detector):
    with pytest.raises(UserError, match="--detector-model means nothing here"):
        settings(detector, detector_model="x.onnx")
    with pytest.raises(UserError, match="--allow-download means nothing here"):
        settings(detector, allow_download=True)


@pytest.mark.parametrize("detector", ["yunet", "json", "retinaface", "retinaface-mnet"])
def test_a_model_that_is_not_there_is_told_before_anything_is_written(tmp_path, detector):
    write_video(tmp_path / "raw" / "train" / "bonafide" / "anna" / "c.avi", flat_frames(3))
    command = (
        "extract",
        "folder",
        "--root",
        tmp_path / "raw",
        "--out",
        tmp_path / "lib",
        "--frames",
        "first(1)",
        "-j",
        1,
    )
    for named, words in (
        ("nowhere.onnx", "no such file"),
        (tmp_path, "a folder|a file named"),
        ("empty.onnx", "an empty file"),
    ):
        path = tmp_path / named
        if named == "empty.onnx":
            path.write_bytes(b"")
        done = Called("fasdata", *command, "--detector", detector, "--detector-model", path)
        assert any(part in done.line for part in words.split("|")), done.line
    (tmp_path / "bad.onnx").write_bytes(b"\x08\x07 no model")
    assert (
        "bad.onnx"
        in Called("fasdata", *command, "--detector", detector, "--detector-model", tmp_path / "bad.onnx").line
    )
    assert not (tmp_path / "lib").exists()


def test_the_file_is_identified_by_its_content_and_found_from_anywhere(model, monkeypatch, tmp_path):
    monkeypatch.chdir(model.parent)
    chosen = settings("json", detector_model=model.name)
    monkeypatch.chdir(Path(__file__).parent)
    assert detector_identity(chosen.detector, chosen.detector_request) == {
        "detector_weights_sha256": file_sha256(model),
        "detector_settings": {},
    }
    assert make_detector(chosen.detector, chosen.detector_request).fingerprint == file_sha256(model)


@pytest.mark.parametrize("detector", [name for name, row in DETECTORS.items() if not row.model or name == "json"])
def test_what_is_recorded_is_what_the_detector_says_of_itself(model, detector):
    chosen = settings(detector, **({"detector_model": str(model)} if detector == "json" else {}))
    made = make_detector(chosen.detector, chosen.detector_request)
    recorded = chosen.recorded()
    assert made.name == recorded["detector"] == detector
    assert (made.fingerprint, made.settings) == (recorded["detector_weights_sha256"], recorded["detector_settings"])


def test_scrfd_is_recorded_as_it_works(tmp_path):
    pytest.importorskip("insightface", reason="the extra 'retinaface' is not installed")
    pytest.importorskip("onnx", reason="the package onnx makes the model of this test")
    from tests.fasdata.faces.onnx_faces import write_scrfd

    path = write_scrfd(tmp_path / "det.onnx", {})
    plain, cropped = (
        settings("retinaface", detector_model=str(path), form=MediaForm(precropped=precropped))
        for precropped in (False, True)
    )
    for chosen in (plain, cropped):
        require_detector(chosen.detector, chosen.detector_request)
        made, identity = (
            make_detector(chosen.detector, chosen.detector_request),
            detector_identity(chosen.detector, chosen.detector_request),
        )
        assert identity == {"detector_weights_sha256": made.fingerprint, "detector_settings": made.settings}
    assert detector_identity(plain.detector, plain.detector_request) != detector_identity(
        cropped.detector, cropped.detector_request
    )


def test_yunet_does_not_pretend_to_use_a_gpu(model):
    with pytest.raises(UserError, match="it runs on the cpu"):
        make_detector("yunet", settings("yunet", detector_model=str(model), device="cuda").detector_request)


def test_a_detector_that_is_not_in_the_table_is_refused_everywhere():
    request = DetectorRequest()
    for ask in (make_detector, require_detector, detector_identity):
        with pytest.raises(UserError, match="did you mean 'mtcnn'"):
            ask("mtcn", request)


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_every_row_says_what_help_and_ledger_need(name):
    row = DETECTORS[name]
    assert row.about and row.licence
    assert name in Called("fasdata", "extract", "--help").out
    assert row.bundled is None or row.bundled.fingerprint()


def test_a_file_and_a_row_are_all_that_a_new_detector_needs(tmp_path, monkeypatch):
    row = DetectorRow(
        "tests.fasdata.faces.centre_detector", "the middle of the frame", licence="public domain", searches=True,
        model="a file with a number", needs={"numpy": "numpy", "no-such-package": "centre-extra"},
    )  # fmt: skip
    monkeypatch.setitem(DETECTORS, "centre", row)
    (tmp_path / "model").write_text("0.5")
    write_video(tmp_path / "raw" / "train" / "attack" / "anna" / "c.avi", flat_frames(3))
    command = (
        "extract", "folder", "--root", tmp_path / "raw", "--out", tmp_path / "lib", "--frames", "first(1)", "-j", 1,
        "--detector", "centre", "--detector-model", tmp_path / "model", "--tracking", "on",
    )  # fmt: skip
    line = Called("fasdata", *command).line
    assert "--detector centre needs no-such-package" in line and "pip install 'centre-extra'" in line
    assert not (tmp_path / "lib").exists()
    assert "only --detector centre needs it" in Called("fasdata", "doctor", "--data", tmp_path).out

    monkeypatch.setitem(DETECTORS, "centre", replace(row, needs={"numpy": "numpy"}))
    # Child processes have a table of their own, without this row.
    monkeypatch.setattr("fasdata.commands.extract.processes", lambda workers: 0)
    assert Called("fasdata", *command).code == 0
    store = Store.open(tmp_path / "lib" / "folder")
    assert store.info.config["detector"] == "centre" and store.info.config["detector_settings"] == {"min_face": 40}
    assert store.info.config["detector_weights_sha256"] == file_sha256(tmp_path / "model")
    (record,) = store.records()
    assert record.status == "ok" and record.frames[0].score == 0.8
    assert detector_licence("centre") == "public domain" and has_own_scores("centre")


def test_a_missing_extra_is_named_before_the_model_is_looked_for(monkeypatch):
    monkeypatch.setattr("fasdata.faces.detectors.find_spec", lambda name: None if name == "insightface" else object())
    for ask in (make_detector, require_detector):
        with pytest.raises(UserError, match=r"needs insightface.*pip install 'fasdata\[retinaface\]'"):
            ask("retinaface", DetectorRequest(model="nowhere.onnx"))


def test_what_identifies_a_store_needs_no_detector_here(model, monkeypatch):
    """A driver writes the store; those that detect are elsewhere."""
    monkeypatch.setattr("fasdata.faces.detectors.find_spec", lambda name: None)
    file = model.with_suffix(".onnx")
    file.write_bytes(b"weights")
    request = DetectorRequest(model=str(file), device="cuda")
    assert detector_identity("retinaface", request)["detector_weights_sha256"] == file_sha256(file)


def test_the_guide_lists_every_detector():
    guide = (Path(__file__).parents[3] / "docs" / "guides" / "extraction.md").read_text(encoding="utf-8")
    assert [name for name in DETECTORS if f"\n| `{name}` |" not in guide] == []


def test_auto_stays_with_what_needs_no_model():
    assert settings("auto").settled(MediaForm()).detector == "mtcnn"
    assert settings("auto").settled(MediaForm(precropped=True)).detector == "none"


@pytest.mark.parametrize(("device", "kind"), [("cuda:0", MemoryError), ("cpu", UserError)])
def test_a_gpu_that_is_full_is_no_fault_of_the_model(device, kind):
    """On the processor there is memory left, so that the network asks for more than any machine has."""
    with pytest.raises(kind, match="Failed to allocate"), answering(Path("det.onnx"), "a network", device=device):
        raise RuntimeError("bfc_arena.cc:376 Failed to allocate memory for requested buffer")
