"""ONNX files made in code that answer as insightface's detection models do: nine outputs, three strides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from fasdata.records import Face

SIDE = 640
STRIDES = (8, 16, 32)
ANCHORS = 2


def write_scrfd(path: Path, faces: Mapping[int, Sequence[Face]], *, gate: int = 0, points: bool = True) -> Path:
    """Write a model that finds `faces`, given by the stride that tells them, in pixels of its 640 x 640 input.

    It finds them only where the 8 x 8 pixels at (`gate`, `gate`) of the input are red: in the right order of channels,
    at the right place, the right way up. Without `points` it has six outputs, as the models without landmarks.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    constants, outputs = {}, []
    names = {kind: [f"{kind}{stride}" for stride in STRIDES] for kind in ("score", "box", "points")}
    for stride in STRIDES:
        score, box, marks = _encoded(stride, faces.get(stride, ()))
        constants |= {f"raw{stride}": score, f"box{stride}": box, **({f"points{stride}": marks} if points else {})}
    window = {"from": [0, 0, gate, gate], "to": [1, 3, gate + 8, gate + 8]}
    constants |= {name: np.array(value, np.int64) for name, value in window.items()}
    constants |= {"half": np.array(0.5, np.float32), "red": np.array([[1.0], [-1.0], [-1.0]], np.float32)}
    nodes = [
        helper.make_node("Slice", ["input.1", "from", "to"], ["patch"]),
        helper.make_node("GlobalAveragePool", ["patch"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["colour"]),
        helper.make_node("MatMul", ["colour", "red"], ["redness"]),  # 3 for pure red, -1 for blue, 1 for white
        helper.make_node("Mul", ["redness", "half"], ["halved"]),
        helper.make_node("Floor", ["halved"], ["floored"]),
        helper.make_node("Relu", ["floored"], ["gate"]),
    ]
    for stride in STRIDES:
        nodes.append(helper.make_node("Mul", [f"raw{stride}", "gate"], [f"score{stride}"]))
    for kind, width in (("score", 1), ("box", 4), ("points", 10)):
        for name in names[kind] if points or kind != "points" else ():
            outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n" + name, width]))
    # A graph's output has to come out of a node.
    stored = {f"c_{name}" if name in {o.name for o in outputs} else name: value for name, value in constants.items()}
    nodes += [helper.make_node("Identity", [name], [name[2:]]) for name in stored if name.startswith("c_")]
    graph = helper.make_graph(
        nodes,
        "scrfd",
        [helper.make_tensor_value_info("input.1", TensorProto.FLOAT, [1, 3, "height", "width"])],
        outputs,
        [numpy_helper.from_array(value, name) for name, value in stored.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path


def _encoded(stride: int, faces: Sequence[Face]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return scores (n, 1), distances to the box sides (n, 4) and to the points (n, 10), in strides."""
    across = SIDE // stride
    n = across * across * ANCHORS
    score, box, marks = (np.zeros((n, width), np.float32) for width in (1, 4, 10))
    for place, face in enumerate(faces):
        x0, y0, x1, y1 = face.box
        column, row = round((x0 + x1) / 2 / stride), round((y0 + y1) / 2 / stride)
        anchor = (row * across + column) * ANCHORS + place % ANCHORS
        x, y = column * stride, row * stride
        score[anchor] = face.score
        box[anchor] = np.array([x - x0, y - y0, x1 - x, y1 - y]) / stride
        marks[anchor] = ((np.array(face.landmarks) - [x, y]) / stride).reshape(-1) if face.landmarks else 0
    return score, box, marks
