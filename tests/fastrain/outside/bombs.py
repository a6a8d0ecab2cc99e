"""Small networks that ask for gigabytes, in loading or in running, are refused in a line, and memory is bounded.

What is bounded is the growth of a process. One that ran other tests holds gigabytes that it gave back to its allocator,
and a bomb explodes in them as it may, so that `test_outside_bombs.py` runs this file in a process of its own.
"""

from __future__ import annotations

import ctypes
import resource
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from fasdata.errors import UserError
from fasdata.faces.cascade_networks import OnnxNetworks
from fasdata.faces.cascade_networks import as_onnx as mtcnn
from fasdata.faces.view import View
from fasdata.foreign import graphs
from fastrain.outside.declared import InputForm, ScoreForm
from fastrain.outside.networks import OutsideNetwork
from fastrain.outside.onnx_file import OnnxFile
from tests.fastrain.bundle.planting import nothing, planted
from tests.fastrain.bundle.small import small_bundle

SIDE = 24
MIB = 1 << 20
BOUND = 256 * MIB
HUGE = (1 << 14, 1 << 14)  # of float32: a gibibyte; above the bound of these tests, and no harm to a machine


@pytest.fixture(autouse=True)
def little_memory(monkeypatch):
    monkeypatch.setattr(graphs, "MOST", BOUND)


def network(nodes: Sequence[Any], constants: dict[str, np.ndarray], rank: int = 2) -> bytes:
    """Return a network of pictures (n,3,24,24) to `huge`, which a mean over all but pictures makes a score."""
    axes = numpy_helper.from_array(np.arange(1, 4), "axes")
    ends = [
        helper.make_node("ReduceMean", ["picture", "axes"], ["mean"], keepdims=0),
        helper.make_node("ReduceSum", ["huge"], ["sum"], keepdims=0),
        helper.make_node("Add", ["mean", "sum"], ["score"]),
    ]
    tensors = [axes, *(numpy_helper.from_array(value, name) for name, value in constants.items())]
    graph = helper.make_graph(
        [*nodes, *ends], "g", [helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n"])], tensors,
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8).SerializeToString()


def expand(source: str) -> bytes:
    return network([helper.make_node("Expand", [source, "to"], ["huge"])], {
        "one": np.ones((1, 1), np.float32), "to": np.array(HUGE, np.int64)})  # fmt: skip


def of_picture(kind: str, inputs: list[str], constants: dict[str, np.ndarray], **attributes: Any) -> bytes:
    """Return a network that blows a picture up: nothing of it can be known before there is one."""
    return network([helper.make_node(kind, ["picture", *inputs], ["huge"], **attributes)], constants)


BOMBS = {
    "a constant is expanded": lambda: expand("one"),
    "a constant of a shape": lambda: network(
        [helper.make_node("ConstantOfShape", ["to"], ["huge"])], {"to": np.array(HUGE, np.int64)}
    ),
    "a constant is tiled": lambda: network(
        [helper.make_node("Tile", ["one", "to"], ["huge"])],
        {"one": np.ones((1, 1), np.float32), "to": np.array(HUGE, np.int64)},
    ),
    "a range": lambda: network(
        [helper.make_node("Range", ["from", "end", "step"], ["huge"])],
        {"from": np.float32(0), "end": np.float32(HUGE[0] * HUGE[1]), "step": np.float32(1)},
    ),
    "a picture is tiled": lambda: of_picture("Tile", ["to"], {"to": np.array([1, 1, 512, 512], np.int64)}),
    "a picture is resized": lambda: of_picture(
        "Resize", ["", "by"], {"by": np.array([1, 1, 512, 512], np.float32)}, mode="nearest"
    ),
    "a picture is padded": lambda: of_picture(
        "Pad", ["by"], {"by": np.array([0, 0, 8000, 8000, 0, 0, 8000, 8000], np.int64)}
    ),
    "a shape made of pixels": lambda: network(
        [
            helper.make_node("ReduceMax", ["picture"], ["brightest"], keepdims=0),
            helper.make_node("Mul", ["brightest", "many"], ["wanted"]),
            helper.make_node("Cast", ["wanted"], ["number"], to=TensorProto.INT64),
            helper.make_node("Reshape", ["number", "flat"], ["to"]),
            helper.make_node("ConstantOfShape", ["to"], ["huge"]),
        ],
        {"many": np.float32(HUGE[0] * HUGE[1]), "flat": np.array([1], np.int64)},
    ),
    "an outer product": lambda: network(
        [
            helper.make_node("Flatten", ["picture"], ["line"], axis=0),
            helper.make_node("Tile", ["line", "to"], ["long"]),
            helper.make_node("Transpose", ["long"], ["column"], perm=[1, 0]),
            helper.make_node("MatMul", ["column", "long"], ["huge"]),
        ],
        {"to": np.array([1, 16], np.int64)},
    ),
}


def tried(graph: bytes) -> None:
    file = OnnxFile.loaded(graph, "bomb.onnx", "cpu")
    OutsideNetwork.of_onnx(
        file, View.named(f"box(size={SIDE})"), InputForm.parse("rgb, 0..1"), ScoreForm.parse("value")
    )


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_and_memory_is_bounded(name):
    graph = BOMBS[name]()
    assert len(graph) < 2000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError, match=r"bomb\.onnx needs too much memory; expected at most 0\.25 GiB") as error:
        tried(graph)
    assert "\n" not in str(error.value)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < BOUND + 64 * MIB


def test_the_limit_is_gone_afterwards():
    limits = resource.getrlimit(resource.RLIMIT_DATA)
    with pytest.raises(UserError, match="memory"):
        tried(BOMBS["a constant is tiled"]())
    assert resource.getrlimit(resource.RLIMIT_DATA) == limits
    assert bytes(2 * BOUND) is not None


def test_many_pictures_that_need_too_much_together_go_a_few_at_a_time():
    """A picture takes 36 MiB in between, so that eight do not fit, and some do."""
    graph = network(
        [
            helper.make_node("Tile", ["picture", "to"], ["large"]),
            helper.make_node("ReduceSum", ["large", "axes"], ["huge"], keepdims=0),
        ],
        {"to": np.array([1, 1, 64, 82], np.int64)},
    )
    model = onnx.load_from_string(graph)
    del model.graph.node[-2:]  # the sum is a picture's own
    model.graph.node.append(helper.make_node("Add", ["mean", "huge"], ["score"]))
    file = OnnxFile.loaded(model.SerializeToString(), "n.onnx", "cpu")
    pictures = np.random.default_rng(0).random((8, 3, SIDE, SIDE), np.float32)
    pictures *= np.arange(1, 9, dtype=np.float32)[:, None, None, None]
    pieces = file.outputs_for({"picture": pictures})
    assert 1 < len(pieces) < 8
    scores = np.concatenate([outputs[0] for outputs in pieces])
    expected = pictures.mean((1, 2, 3)) + 64 * 82 * pictures.sum((1, 2, 3), dtype=np.float64)
    assert np.allclose(scores, expected, rtol=2e-3)  # single precision adds millions up


def loop() -> bytes:
    body = helper.make_graph(
        [helper.make_node("Concat", ["kept", "kept"], ["twice"], axis=0), helper.make_node("Identity", ["go"], ["on"])],
        "body",
        [helper.make_tensor_value_info("i", TensorProto.INT64, []),
         helper.make_tensor_value_info("go", TensorProto.BOOL, []),
         helper.make_tensor_value_info("kept", TensorProto.FLOAT, None)],
        [helper.make_tensor_value_info("on", TensorProto.BOOL, []),
         helper.make_tensor_value_info("twice", TensorProto.FLOAT, None)],
    )  # fmt: skip
    constants = {"times": np.int64(40), "yes": np.array(True), "one": np.ones(1, np.float32)}
    return network([helper.make_node("Loop", ["times", "yes", "one"], ["huge"], body=body)], constants)


def test_a_loop_is_refused_wherever_it_stands():
    with pytest.raises(UserError, match=r"bomb\.onnx has a loop.*Loop"):
        tried(loop())
    inner = onnx.load_from_string(loop()).graph.node[0]
    branch = helper.make_graph([inner], "branch", [], [helper.make_tensor_value_info("huge", TensorProto.FLOAT, None)])
    hidden = network(
        [helper.make_node("If", ["yes"], ["huge"], then_branch=branch, else_branch=branch)],
        {"times": np.int64(40), "yes": np.array(True), "one": np.ones(1, np.float32)},
    )
    with pytest.raises(UserError, match="has a loop"):
        tried(hidden)


def test_a_bomb_in_a_bundle_is_refused_as_network_and_as_detector(tmp_path):
    from fastrain.bundle.loading import load

    source = small_bundle(tmp_path / "good.fasb")
    path = planted(source, tmp_path / "x.fasb", nothing, {"network.onnx": BOMBS["a picture is tiled"]()})
    with pytest.raises(UserError, match=r"network\.onnx needs too much memory"):
        load(path)
    model = onnx.load_from_string(mtcnn()["pnet.onnx"])
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, 1, 64, 64], np.int64), "to"))
    first = model.graph.node[0]
    first.input[0] = "blown"
    model.graph.node.insert(0, helper.make_node("Tile", ["pixels", "to"], ["blown"]))
    with pytest.raises(UserError, match="MTCNN's networks cannot be run"):
        load(planted(source, tmp_path / "y.fasb", nothing, {"pnet.onnx": model.SerializeToString()}))
    assert OnnxNetworks(mtcnn()).run("rnet", np.zeros((1, 24, 24, 3), np.float32))


def test_memory_that_was_given_back_is_held_and_adds_nothing():
    """Pieces below what glibc asks the kernel for one by one, under one that stays, are a hole in its heap."""
    c = ctypes.CDLL(None)
    c.malloc.restype, c.malloc.argtypes, c.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
    before, pieces = graphs._held(), []
    while graphs._held() < before + BOUND // 2:  # smaller holes are filled first
        pieces += [c.malloc(100_000) for _ in range(100)]
    last = c.malloc(100_000)
    for piece in pieces:
        c.free(piece)
    held = graphs._held()
    with graphs.bounded_allocation():
        limit, _ = resource.getrlimit(resource.RLIMIT_DATA)
    with pytest.raises(UserError, match="needs too much memory"):
        tried(BOMBS["a constant is tiled"]())
    c.free(last)
    assert held >= before + BOUND // 2
    assert limit <= held + BOUND + MIB
