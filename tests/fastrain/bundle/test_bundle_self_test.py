"""What is planted in a bundle, its hashes made anew, is caught by the pictures that it carries."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from fasdata.errors import UserError
from fasdata.store.codec import decode
from fastrain.bundle.archive import read_archive
from fastrain.bundle.loading import load
from fastrain.bundle.opened import Bundle
from tests.fastrain.bundle.planting import nothing, planted


def threshold(facts: dict[str, Any]) -> None:
    facts["threshold"]["value"] += 0.01


def view(facts: dict[str, Any]) -> None:
    facts["networks"][0].update(view="fas-256(size=32)")


def view_parameter(facts: dict[str, Any]) -> None:
    facts["networks"][0].update(view=facts["networks"][0]["view"].replace(")", ",resize=linear)"))


def order(facts: dict[str, Any]) -> None:
    facts["networks"][0]["order"] = "bgr"


def largest(facts: dict[str, Any]) -> None:
    facts["finding"]["store"]["face_rule"] = "largest"


def probable(facts: dict[str, Any]) -> None:
    facts["finding"]["store"]["face_rule"] = "probable"


def preparation(facts: dict[str, Any]) -> None:
    facts["networks"][0]["preparation"] = {"resize": 24}


@pytest.mark.parametrize("change", [threshold, view, view_parameter, order, largest, probable, preparation])
def test_what_is_planted_is_caught(erm_bundle, tmp_path, change):
    with pytest.raises(UserError, match=r"fails its self-test|does not run"):
        load(planted(erm_bundle, tmp_path / "x.fasb", change))


def test_another_network_is_caught(erm_bundle, tmp_path):
    members, _ = read_archive(erm_bundle)
    model = onnx.load_from_string(members["network.onnx"])
    head = next(tensor for tensor in model.graph.initializer if tensor.name.endswith("head.bias"))
    head.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(head) + np.array([0, 0.05], np.float32), head.name))
    files = {"network.onnx": model.SerializeToString()}
    with pytest.raises(UserError, match=r"fails its self-test.*score"):
        load(planted(erm_bundle, tmp_path / "x.fasb", nothing, files))


def test_another_detector_is_caught(erm_bundle, tmp_path):
    members, _ = read_archive(erm_bundle)
    model = onnx.load_from_string(members["onet.onnx"])
    boxes = next(tensor for tensor in model.graph.initializer if tensor.name == "dense6_2.bias")
    boxes.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(boxes) + np.float32(0.02), boxes.name))
    files = {"onet.onnx": model.SerializeToString()}
    with pytest.raises(UserError, match="another box"):
        load(planted(erm_bundle, tmp_path / "x.fasb", nothing, files))


def test_planting_nothing_is_no_fault_and_the_pictures_are_of_nobody(erm_bundle, tmp_path):
    assert load(planted(erm_bundle, tmp_path / "x.fasb", nothing)).threshold is not None
    bundle = Bundle.read(erm_bundle)
    tests = bundle.facts.self_test
    assert any(of.faces == 2 for of in tests), "a picture with two faces"
    assert {of.bonafide for of in tests} == {True, False}, "two about the threshold"
    assert len(tests) <= 6 and all(decode(bundle.members[of.pictures["rgb"]]).ndim == 3 for of in tests)


def test_it_can_be_left_out_by_name_alone(erm_bundle, tmp_path):
    path = planted(erm_bundle, tmp_path / "x.fasb", threshold)
    assert load(path, self_test=False).threshold.value > load(erm_bundle).threshold.value
