"""The gates of `fastrain export`: parity, licences, variants of precision; contestants and detectors with files."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from fasdata.errors import UserError
from fastrain.bundle import export, networks_of_run, scenes
from fastrain.bundle.archive import read_archive
from fastrain.bundle.export import ExportRequest
from fastrain.bundle.finding import Recording
from fastrain.bundle.from_run import predictor_of_run
from fastrain.bundle.loading import load
from fastrain.bundle.opened import Bundle
from fastrain.bundle.said_of_run import bundle_of_run
from tests.commands import Called
from tests.fastrain.bundle.seen import files_of

ASSETS, MODELS = os.environ.get("FAS_ASSETS", ""), os.environ.get("FAS_DETECTOR_MODELS", "")


@pytest.fixture(autouse=True)
def few_pictures(monkeypatch):
    monkeypatch.setattr(export, "PICTURES", 6)


def test_a_sheet_states_the_hash_of_the_bundle_of_its_run_and_of_no_other(erm, erm_bundle, tmp_path):
    bundle = Bundle.read(erm_bundle)
    assert bundle_of_run(erm_bundle, erm) == f"{bundle.sha256}, deciding at {bundle.facts.threshold}"
    facts = json.loads((erm / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps({**facts, "seed": 99}))
    with pytest.raises(UserError, match=r"was not made of the run .*another seed"):
        bundle_of_run(erm_bundle, tmp_path)


def test_a_bundle_says_what_it_is(erm, erm_bundle):
    facts = Bundle.read(erm_bundle).facts
    assert (facts.networks[0].view, facts.networks[0].view_geometry) == ("mxnet-256(size=32)", 2)
    assert facts.finding.store["detector"] == "mtcnn" and len(facts.finding.files) == 3
    assert facts.threshold.policy == "source_eer" and "casia-fasd" in facts.threshold.data
    rates = {(rate.part, rate.metric): rate for rate in facts.rates}
    assert rates["test", "hter"].people == 5 and rates["test", "hter"].low <= rates["test", "hter"].high
    assert any(part.research_only and part.name == "CASIA-FASD" for part in facts.licences)
    assert facts.provenance["protocol"] == "mcio:CIO2M" and "library" not in facts.provenance
    flips = {(row.amount, row.name): row for row in facts.jitter.rows}
    assert {name for _, name in flips} == {"all faces", "bonafide", "attack", "attack, print"}
    assert all(0 <= row.low <= row.share <= row.high <= 1 for row in flips.values())
    assert facts.jitter.of == "the run's validation part" and flips[0.1, "all faces"].faces == 18
    members, _ = read_archive(erm_bundle)
    home = str(Path.home()).encode()
    assert all(home not in data and str(erm.parent).encode() not in data for data in members.values())


def test_terms_that_bar_commercial_use_are_named(erm, tmp_path):
    line = Called("fastrain", "export", erm, "--out", tmp_path / "x.fasb", "--commercial").line
    assert "bar commercial use" in line and "CASIA-FASD" in line and "MSU-MFSD" in line
    assert not (tmp_path / "x.fasb").exists()


def test_a_bundle_that_answers_otherwise_is_not_written(erm, tmp_path, monkeypatch):
    written = networks_of_run.graph_of_method

    def shifted(method, side):
        model = onnx.load_from_string(written(method, side))
        head = next(tensor for tensor in model.graph.initializer if tensor.name.endswith("head.bias"))
        head.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(head) + np.array([0, 0.01], np.float32), head.name))
        return model.SerializeToString()

    monkeypatch.setattr(networks_of_run, "graph_of_method", shifted)
    with pytest.raises(UserError, match=r"does not answer as the run does.*scores differ by up to 0\.00"):
        export.export(ExportRequest(erm, tmp_path / "x.fasb"))
    assert not (tmp_path / "x.fasb").exists()
    assert "drift was allowed" in export.export(ExportRequest(erm, tmp_path / "x.fasb", allow_drift=True))
    assert Bundle.read(tmp_path / "x.fasb").facts.parity.largest_difference > 1e-3


def test_other_faces_are_a_drift_too(erm, tmp_path, monkeypatch):
    from fasdata.faces import cascade_networks

    whole = cascade_networks.as_onnx()
    model = onnx.load_from_string(whole["onet.onnx"])
    boxes = next(tensor for tensor in model.graph.initializer if tensor.name == "dense6_2.bias")
    boxes.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(boxes) + np.float32(0.01), boxes.name))
    monkeypatch.setattr(cascade_networks, "as_onnx", lambda: {**whole, "onet.onnx": model.SerializeToString()})
    with pytest.raises(UserError, match="pictures show other faces, or boxes"):
        export.export(ExportRequest(erm, tmp_path / "x.fasb"))


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_variants_are_named_and_answer(erm, seen, tmp_path, precision):
    out = tmp_path / "x.fasb"
    words = export.export(ExportRequest(erm, out, precision=precision, threshold="0.9", allow_drift=True))
    facts = Bundle.read(out).facts
    assert facts.networks[0].precision == precision and precision in words
    clips = [Recording(name, of) for name, of in files_of(seen).items()]
    answers = [judged.answer for judged in load(out).choosing().judge(clips)]
    run = [judged.answer for judged in predictor_of_run(erm).with_threshold(0.9).choosing().judge(clips)]
    assert (
        max(abs(a.score - b.score) for a, b in zip(answers, run, strict=True)) < {"fp16": 0.01, "int8": 0.2}[precision]
    )


def test_a_threshold_of_ones_own_or_of_a_policy_that_can_be_deployed(erm, tmp_path):
    out = tmp_path / "x.fasb"
    assert "0.2500 by fixed(0.25)" in Called("fastrain", "export", erm, "--out", out, "--threshold", 0.25).out
    assert (
        "nobody can deploy"
        in Called("fastrain", "export", erm, "--out", out, "--threshold", "target_eer (oracle)").line
    )
    assert "no threshold by magic" in Called("fastrain", "export", erm, "--out", out, "--threshold", "magic").line


def simple_scorer(path: Path) -> Path:
    """Write an ONNX scorer: the mean brightness of a 32 x 32 grey picture, as logits."""
    nodes = [
        helper.make_node("ReduceMean", ["picture"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Unsqueeze", ["mean", "one"], ["column"]),
        helper.make_node("Mul", ["column", "weights"], ["both"]),
    ]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["n", 1, 32, 32])],
        [helper.make_tensor_value_info("both", TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(np.array([1], np.int64), "one"),
         numpy_helper.from_array(np.array([[-2.0, 3.0]], np.float32), "weights")],
    )  # fmt: skip
    path.write_bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8).SerializeToString()
    )
    return path


def test_an_imported_scorer_becomes_a_bundle(seen, tmp_path):
    declared = ("--view", "box(size=32)", "--input", "gray, 0..1", "--score", "softmax[1]")
    run = tmp_path / "run"
    assert Called("fastrain", "import", "onnx", simple_scorer(tmp_path / "s.onnx"), *declared, "--out", run).code == 0
    out = tmp_path / "x.fasb"
    done = Called("fastrain", "export", run, "--out", out, "--threshold", 0.6)
    assert done.code == 0 and "pictures made in code" in done.out and "not known: s.onnx" in done.out, done.out
    clips = [Recording(name, of) for name, of in list(files_of(seen).items())[:4]]
    bundle, own = load(out).choosing(), predictor_of_run(run).with_threshold(0.6).choosing()
    first, second = ([judged.answer.score for judged in of.judge(clips)] for of in (bundle, own))
    assert np.allclose(first, second, atol=1e-6) and np.ptp(first) > 1e-3


@pytest.mark.skipif(not MODELS, reason="FAS_DETECTOR_MODELS names no folder of detector files")
def test_a_detector_with_a_file_comes_along(erm, tmp_path):
    model, out = Path(MODELS) / "yunet_n_dynamic.onnx", tmp_path / "x.fasb"
    done = Called("fastrain", "export", erm, "--out", out, "--detector", "yunet", "--detector-model", model)
    assert done.code == 0 and "yunet (yunet.onnx)" in done.out, done.error
    picture = tmp_path / "face.png"
    import cv2

    cv2.imwrite(str(picture), next(scenes.pictures(1))[..., ::-1])
    assert "score" in Called("fastrain", "predict", out, picture).out


# What the published program (commit b6d5f04: its crops, networks and mean) says of the pictures, given the whole pixels
# of the boxes that biubug6's RetinaFace finds.
PUBLISHED = {
    "minivision_image_F1.jpg": 0.28995518,
    "minivision_image_F2.jpg": 0.00615094,
    "minivision_image_T1.jpg": 0.99992514,
    "vietmoney_fake_001.jpg": 0.66798873,
    "vietmoney_fake_002.jpg": 0.21927638,
    "vietmoney_fake_003.jpg": 0.00012221,
    "vietmoney_true_001.jpg": 0.99585903,  # in this and the next the crop of the second network has over 1,024 pixels
    "vietmoney_true_002.jpg": 0.94559896,
    "vietmoney_true_003.png": 0.91812140,
}


@pytest.mark.skipif(not ASSETS, reason="FAS_ASSETS names no folder of real networks and pictures")
def test_minifasnet_as_a_bundle_says_of_nine_real_pictures_what_its_run_and_the_published_program_say(tmp_path):
    files = sorted((Path(ASSETS) / "fas").glob("*.pth"))
    run, out = tmp_path / "run", tmp_path / "mini.fasb"
    assert Called("fastrain", "import", "minifasnet", *files, "--out", run).code == 0
    model = Path(ASSETS) / "detectors" / "biubug6_mobilenet0.25_Final.pth"
    detector = ("--detector", "retinaface-mnet", "--detector-model", model)
    done = Called("fastrain", "export", run, "--out", out, "--threshold", 0.5, *detector)
    assert done.code == 0 and "retinaface-mnet (retinaface.onnx)" in done.out, done.error
    nine = [Recording(path.name, {"rgb": path}) for path in sorted((Path(ASSETS) / "fas").glob("*.[jp][pn]g"))]
    finding = replace(Bundle.read(out).finding, files={}, model=str(model))  # by torch
    bundle, own = load(out).choosing(), predictor_of_run(run, finding=finding).with_threshold(0.5).choosing()
    first, second = ([judged.answer for judged in of.judge(nine)] for of in (bundle, own))
    assert len(first) == 9 and [a.word for a in first] == [b.word for b in second]
    assert max(abs(a.score - b.score) for a, b in zip(first, second, strict=True)) <= 1e-4
    assert {a.name: a.score for a in first} == pytest.approx(PUBLISHED, rel=0, abs=1e-4)
