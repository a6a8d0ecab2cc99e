"""ONNX files from outside: looked at, run in batches, refused in a line; as contestants, scored on any data."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper, numpy_helper

from fasdata.errors import UserError
from fasdata.library import Library
from fastrain.outside.onnx_file import OnnxFile, first_look
from fastrain.run.run import run
from tests.commands import Called
from tests.fastrain.sessions import request

SIDE = 24
DECLARED = ("--view", "box(size=24)", "--input", "rgb, 0..1", "--score", "softmax[1]")


def brightness(
    path: Path, batch: int | str = "n", side: int | str = SIDE, layout: str = "nchw", location: str = "", kind: int = 1
) -> Path:
    """Write a network of two classes: logits (0, mean of the picture times a weight)."""
    shape = [batch, 3, side, side] if layout == "nchw" else [batch, side, side, 3]
    weight = numpy_helper.from_array(np.array([[0.0, 4.0]], np.float32), "weight")
    if location:
        weight.ClearField("raw_data")
        weight.data_location = TensorProto.EXTERNAL
        weight.external_data.add(key="location", value=location)
    nodes = [
        helper.make_node("ReduceMean", ["picture"], ["mean"], axes=[1, 2, 3], keepdims=1),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weight"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("picture", kind, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [batch, 2])], [weight],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def test_a_network_runs_in_batches_of_any_size(tmp_path):
    pictures = np.random.default_rng(0).random((5, 3, SIDE, SIDE), np.float32)
    wanted = pictures.mean(axis=(1, 2, 3)) * 4
    for batch in ("n", 1, 2, 8):
        file = OnnxFile.read(brightness(tmp_path / "a.onnx", batch))
        assert np.allclose(file.run(file.picture(), pictures)["logits"][:, 1], wanted, atol=1e-5)
    assert file.provider == "CPUExecutionProvider"


def test_a_first_look_proposes_what_shapes_tell(tmp_path):
    assert first_look(OnnxFile.read(brightness(tmp_path / "a.onnx"))) == {
        "view": "box(size=24)", "input": "rgb, 0..1", "score": "softmax[1]",
    }  # fmt: skip
    open_sides = first_look(OnnxFile.read(brightness(tmp_path / "b.onnx", 1, "s", "nhwc")))
    assert open_sides["input"] == "rgb, 0..1, nhwc" and open_sides["view"] == "box(size=224)"
    line = Called("fastrain", "import", "onnx", tmp_path / "a.onnx", "--out", tmp_path / "run").line
    assert "a first look proposes --view 'box(size=24)' --input 'rgb, 0..1' --score 'softmax[1]'" in line
    assert "picture float [any, 3, 24, 24] -> logits float [any, 2]" in line
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "an empty file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"<!DOCTYPE html><html></html>", "a web page"),
        (b"PK\x03\x04" + b"\0" * 50, "export it to ONNX first"),
        (b"\x80\x04\x95", "export it to ONNX first"),
        (b"\x08\x07" + b"\xff" * 200, "is no ONNX network"),
    ],
)
def test_what_is_no_network_is_named(tmp_path, content, words):
    path = tmp_path / "a.onnx"
    path.write_bytes(content)
    with pytest.raises(UserError, match=words):
        OnnxFile.read(path)


def test_tensors_in_other_files_are_not_opened(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(np.ones(2, np.float32).tobytes())
    (tmp_path / "in").mkdir()
    for location in ("../secret", str(secret), "weight.bin"):
        path = brightness(tmp_path / "in" / "a.onnx", location=location)
        with pytest.raises(UserError, match="keeps tensors in other files, which are not opened; found weight in"):
            OnnxFile.read(path)


def test_tensors_in_other_files_are_found_inside_branches_too(tmp_path):
    outer = onnx.load_model_from_string(brightness(tmp_path / "a.onnx").read_bytes())
    inner = onnx.load_model_from_string(brightness(tmp_path / "b.onnx", location="../x").read_bytes())
    branch = helper.make_node("If", ["c"], ["o"], then_branch=inner.graph, else_branch=inner.graph)
    outer.graph.node.append(branch)
    (tmp_path / "c.onnx").write_bytes(outer.SerializeToString())
    with pytest.raises(UserError, match="in other files"):
        OnnxFile.read(tmp_path / "c.onnx")


def test_an_unknown_operator_is_one_line(tmp_path):
    model = onnx.load_model_from_string(brightness(tmp_path / "a.onnx").read_bytes())
    model.graph.node[1].op_type = "Flatter"
    (tmp_path / "a.onnx").write_bytes(model.SerializeToString())
    line = Called("fastrain", "import", "onnx", tmp_path / "a.onnx", "--out", tmp_path / "run", *DECLARED).line
    assert "cannot be loaded by onnxruntime" in line and "Flatter" in line


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (("box(size=32)", "rgb, 0..1", "softmax[1]"), "takes pictures of 24 rows"),
        (("box(size=24)", "gray, 0..1", "softmax[1]"), "takes pictures of 3 channels"),
        (("box(size=24)", "rgb, 0..1, nhwc", "softmax[1]"), "takes pictures of 24 channels"),
        (("box(size=24)", "rgb, 0..1", "softmax[2]"), "there is no number 2"),
        (("box(size=24)", "rgb, 0..1", "probs:softmax[1]"), "did you mean|unknown output"),
        (("box(size=24)", "rgb, 0..1, name=image", "softmax[1]"), "cannot be fed with one picture as 'image'"),
        (("bax(size=24)", "rgb, 0..1", "softmax[1]"), "did you mean 'box'"),
    ],
)
def test_a_declaration_that_does_not_fit_the_file_is_refused(tmp_path, changes, words):
    path = brightness(tmp_path / "a.onnx")
    given = [word for pair in zip(("--view", "--input", "--score"), changes, strict=True) for word in pair]
    line = Called("fastrain", "import", "onnx", path, "--out", tmp_path / "run", *given).line
    assert any(word in line for word in words.split("|")), line
    assert not (tmp_path / "run").exists()


def of_nodes(path: Path, *nodes: onnx.NodeProto, outputs: tuple[str, ...]) -> Path:
    """Write a network whose nodes start from `mean`, (N,3): the mean of each channel."""
    mean = helper.make_node("ReduceMean", ["in:0"], ["mean"], axes=[2, 3], keepdims=0)
    graph = helper.make_graph(
        [mean, *nodes], "g", [helper.make_tensor_value_info("in:0", 1, ["n", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info(name, 1, ["n", 3]) for name in outputs],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def test_of_several_outputs_one_is_named_colons_in_it_too(tmp_path):
    soft = helper.make_node("Softmax", ["mean"], ["Identity:0"], axis=1)
    path = of_nodes(tmp_path / "two.onnx", soft, outputs=("mean", "Identity:0"))
    given = ("--view", "box(size=24)", "--input", "rgb, 0..1", "--out", tmp_path / "run", "--score")
    line = Called("fastrain", "import", "onnx", path, *given, "value[1]").line
    assert "has 2 outputs" in line and "one of mean:value[1], Identity:0:value[1]" in line
    done = Called("fastrain", "import", "onnx", path, *given, "Identity:0:value[1]")
    assert done.code == 0, done.error
    (network,) = json.loads((tmp_path / "run" / "run.json").read_text())["contestant"]["networks"]
    assert (network["input"], network["score"]) == ("rgb, 0..1, name=in:0", "Identity:0:value[1]")


def test_a_network_whose_scores_depend_on_the_batch_is_refused(tmp_path):
    nodes = (
        helper.make_node("ReduceMean", ["mean"], ["all"], axes=[0], keepdims=1),
        helper.make_node("Sub", ["mean", "all"], ["out"]),
    )
    path = of_nodes(tmp_path / "mix.onnx", *nodes, outputs=("out",))
    given = ("--view", "box(size=24)", "--input", "rgb, 0..1", "--score", "value[1]", "--out", tmp_path / "run")
    line = Called("fastrain", "import", "onnx", path, *given).line
    assert "changes with the pictures beside it" in line and "model.eval()" in line


def test_a_network_becomes_a_contestant_that_is_scored_compared_and_reported(library: Library, tmp_path: Path) -> None:
    path, out = brightness(tmp_path / "a.onnx", 2), tmp_path / "live"
    done = Called("fastrain", "import", "onnx", path, *DECLARED, "--out", out, "--name", "bright")
    assert done.code == 0 and "contestant  bright" in done.out, done.error
    assert "score it first" in Called("fastrain", "eval", out).line
    done = Called("fastrain", "eval", out, "--protocol", "CIO-M", "--data", library.root)
    assert done.code == 0 and "source_eer" in done.out, done.error
    assert "recipe standard, from outside\ncheckpoint  as its files are; how it was trained" in done.out
    scores = pd.read_csv(out / "scores.csv")
    assert set(scores["part"]) == {"val", "test"} and scores["score"].between(0.5, 1).all()
    about = json.loads((out / "run.json").read_text())
    (network,) = about["contestant"]["networks"]
    assert (network["view"], network["input"], network["score"], network["provider"]) == (
        "box(size=24)", "rgb, 0..1, name=picture", "logits:softmax[1]", "CPUExecutionProvider",
    )  # fmt: skip
    assert about["protocol"] == "mcio:CIO2M" and about["manifest_fingerprint"]
    page = (out / "report.html").read_text()
    assert "The networks" in page and "softmax[1]" in page and "not known here" in page
    trained = tmp_path / "erm"
    run(request("erm", library, trained, "max_iterations=2"))
    for form in ("text", "md", "latex"):
        compared = Called("fastrain", "compare", trained, out, "--format", form)
        assert compared.code == 0 and "bright" in compared.out and "erm" in compared.out, compared.error
    worse = Called("fastrain", "eval", out, "--corrupt", "noise:3")
    assert worse.code == 0 and "noise 3" in worse.out, worse.error
    again = Called("fastrain", "eval", out, "--fta", "exclude")
    assert again.code == 0


def test_several_networks_are_averaged_each_in_its_own_view(library: Library, tmp_path: Path) -> None:
    first, second = brightness(tmp_path / "a.onnx"), brightness(tmp_path / "b.onnx", "n", 16)
    both = ("--view", "box(size=16)", "--input", "rgb, -1..1", "--score", "value[1]")
    done = Called("fastrain", "import", "onnx", first, second, *DECLARED, *both, "--out", tmp_path / "run")
    assert done.code == 0, done.error
    done = Called("fastrain", "eval", tmp_path / "run", "--protocol", "CIO-M", "--data", library.root)
    assert done.code == 0, done.error
    scores = pd.read_csv(tmp_path / "run" / "scores.csv")
    assert np.allclose(scores["score"], (scores["score_network1"] + scores["score_network2"]) / 2)
    assert not np.allclose(scores["score_network1"], scores["score_network2"])


def test_views_that_reach_far_are_told_with_where_to_extract_to(tmp_path: Path) -> None:
    near, far = (("--view", f"context(factor={factor},size=24)", *DECLARED[2:]) for factor in (3, 4))
    first, second = brightness(tmp_path / "a.onnx"), brightness(tmp_path / "b.onnx")
    done = Called("fastrain", "import", "onnx", first, second, *near, *far, "--out", tmp_path / "run")
    assert done.code == 0 and "into a library of its own (--out)" in done.out, done.error
    assert "--views 'context(size=24,factor=3) + context(size=24,factor=4)'" in done.out


def test_a_network_that_was_changed_since_is_refused(library: Library, tmp_path: Path) -> None:
    Called("fastrain", "import", "onnx", brightness(tmp_path / "a.onnx"), *DECLARED, "--out", tmp_path / "run")
    network = tmp_path / "run" / "networks" / "0.onnx"
    network.write_bytes(network.read_bytes() + b"\0")
    line = Called("fastrain", "eval", tmp_path / "run", "--protocol", "CIO-M", "--data", library.root).line
    assert "is not the network that was imported" in line


def test_a_run_that_names_its_network_of_another_kind_ends_in_a_line(library: Library, tmp_path: Path) -> None:
    out = tmp_path / "run"
    Called("fastrain", "import", "onnx", brightness(tmp_path / "a.onnx"), *DECLARED, "--out", out)
    about = json.loads((out / "run.json").read_text())
    about["contestant"]["networks"][0]["kind"] = "minifasnet"
    (out / "run.json").write_text(json.dumps(about))
    line = Called("fastrain", "eval", out, "--protocol", "CIO-M", "--data", library.root).line
    assert "0.onnx holds no weights" in line and "import the network again" in line
