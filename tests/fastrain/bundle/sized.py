"""Bundles around any network of one colour picture, with a self-test of what it says; no run was trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from fasdata.faces.view import View
from fastrain.bundle import scenes
from fastrain.bundle.finding import PictureFinder
from fastrain.bundle.loading import predictor_of_bundle
from fastrain.bundle.opened import Bundle
from fastrain.bundle.self_test import answer_of
from tests.fastrain.bundle.planting import planted
from tests.fastrain.bundle.small import small_bundle

STAGES = ((64, 4), (128, 4), (256, 4), (512, 4))  # width, convolutions: the layers of ResNet-18 after its first


def as_large_as_resnet18(side: int) -> bytes:
    """Return a method's network with the layers of ResNet-18 in a row, random: 44 MiB of weights."""
    rng = np.random.default_rng(0)
    nodes, tensors = [], []

    def convolved(x: str, inputs: int, outputs: int, kernel: int, stride: int) -> str:
        name = f"conv{len(tensors)}"
        weights = rng.normal(0, (2 / (inputs * kernel**2)) ** 0.5, (outputs, inputs, kernel, kernel))
        tensors.append(numpy_helper.from_array(weights.astype(np.float32), f"{name}.weight"))
        nodes.append(helper.make_node("Conv", [x, f"{name}.weight"], [name], strides=[stride] * 2,
                                      pads=[kernel // 2] * 4))  # fmt: skip
        nodes.append(helper.make_node("Relu", [name], [f"{name}.active"]))
        return f"{name}.active"

    x, width = convolved("rgb", 3, 64, 7, 2), 64
    for outputs, count in STAGES:
        for number in range(count):
            x, width = convolved(x, width, outputs, 3, 2 if number == 0 else 1), outputs
    tensors.append(numpy_helper.from_array(np.array([1, 2, 3]), "axes"))
    nodes.append(helper.make_node("ReduceMean", [x, "axes"], ["score"], keepdims=0))
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("rgb", TensorProto.FLOAT, ["n", 3, side, side])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n"])], tensors,
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8).SerializeToString()


def bundle_of(graph: bytes, view: str, out: Path) -> Path:
    """Write the bundle of a method's network that sees one colour picture in a view."""
    tests: list[dict[str, Any]] = []

    def change(facts: dict[str, Any]) -> None:
        old = facts["networks"][0]
        facts["networks"] = [{"kind": "method", "file": old["file"], "name": "sized", "opset": 18, "view": view,
                              "view_geometry": View.named(view).geometry_version}]  # fmt: skip
        facts["self_test"] = tests

    small = small_bundle(out.with_suffix(".small"))
    planted(small, out, change, {"network.onnx": graph})
    bundle = Bundle.read(out)
    predictor = predictor_of_bundle(bundle, accelerator="cpu").choosing()
    picture, name = next(iter(scenes.pictures(1))), "test0-rgb.png"  # as the small bundle holds it
    expected = answer_of(bundle, predictor, PictureFinder(predictor.finding), {"rgb": picture}, {"rgb": name})
    assert expected is not None
    tests.append(expected.model_dump(mode="json"))
    return planted(out, out, change)
