"""From settings to detectors: names, models, and what a store records."""

from pathlib import Path

import pytest

from fasdata.errors import UserError
from fasdata.extract.settings import ExtractSettings
from fasdata.faces.detectors import DETECTORS, DetectorRequest, detector_identity, make_detector, require_detector
from fasdata.faces.model_file import file_sha256
from fasdata.media.readers import MediaForm
from fasdata.protocols.sampling import parse_rules
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


@pytest.mark.parametrize("detector", ["retinaface", "yunet", "json"])
def test_a_detector_that_needs_a_model_says_so(detector):
    with pytest.raises(UserError, match=f"--detector {detector} needs --detector-model; expected"):
        settings(detector)


@pytest.mark.parametrize("detector", ["mtcnn", "none", "given", "auto"])
def test_a_model_where_none_is_used_is_refused(detector):
    with pytest.raises(UserError, match="--detector-model means nothing here"):
        settings(detector, detector_model="x.onnx")
    with pytest.raises(UserError, match="--allow-download means nothing here"):
        settings(detector, allow_download=True)


@pytest.mark.parametrize("detector", ["yunet", "json", "retinaface"])
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
    for named, told in (
        ("nowhere.onnx", "no such file"),
        (tmp_path, "a folder|a file named"),
        ("empty.onnx", "an empty file"),
    ):
        path = tmp_path / named
        if named == "empty.onnx":
            path.write_bytes(b"")
        done = Called("fasdata", *command, "--detector", detector, "--detector-model", path)
        assert any(part in done.line for part in told.split("|")), done.line
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


@pytest.mark.parametrize("detector", [name for name in DETECTORS if name not in ("yunet", "retinaface")])
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


def test_auto_stays_with_what_needs_no_model():
    assert settings("auto").settled(MediaForm()).detector == "mtcnn"
    assert settings("auto").settled(MediaForm(precropped=True)).detector == "none"
