"""RetinaFace-MobileNet0.25, slim and RFB as a graph, run by onnxruntime where torch is not wanted; and their rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from fasdata.errors import UserError
from fasdata.foreign import json_of
from fasdata.foreign.graphs import outputs_of, session_of

MEANS = (104.0, 117.0, 123.0)  # of blue, green, red
VARIANCES = (0.1, 0.2)  # of centres and points, and of the logarithm of sides, in sides of the anchor
NMS = 0.4
BEST = 5000  # anchors of a frame that are compared with one another
ANCHORS = "anchors"  # the entry of the graph's metadata
_EXPECTED = "a graph that 'fastrain export' wrote of a RetinaFace file"


class GraphRows:
    """The faces of a canvas as rows of box (4), points (10) and score, from a graph."""

    def __init__(self, graph: bytes, min_score: float) -> None:
        """Load the graph.

        Raises:
            UserError: it does not say where its anchors are.
        """
        self._session = session_of(graph, threads=1)
        anchors = self._session.get_modelmeta().custom_metadata_map.get(ANCHORS, "")
        self._steps, self._sides = _levels(json_of(anchors or "null", "the anchors of a RetinaFace graph"))
        self._min_score = min_score

    def of(self, canvas: np.ndarray) -> np.ndarray:
        """Return the rows of a canvas, rgb uint8 (h,w,3), the best first."""
        image = canvas[..., ::-1].astype(np.float32) - np.array(MEANS, np.float32)
        fed = np.ascontiguousarray(image.transpose(2, 0, 1)[None])
        boxes, logits, points = (output[0] for output in outputs_of(self._session, {"image": fed}))
        scores = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
        if not np.isfinite(scores).all():
            raise ValueError("a network whose scores are no numbers")
        kept = scores >= self._min_score
        anchors = self._anchors(canvas.shape[1], canvas.shape[0])
        return without_overlaps(_decoded(anchors[kept], boxes[kept], points[kept], scores[kept]))

    def _anchors(self, width: int, height: int) -> np.ndarray:
        levels = []
        for step, sides in zip(self._steps, self._sides, strict=True):
            rows, columns = np.arange(-(-height // step)), np.arange(-(-width // step))
            y, x, side = np.meshgrid(rows, columns, np.array(sides), indexing="ij")
            levels.append(np.stack([(x + 0.5) * step, (y + 0.5) * step, side], axis=-1).reshape(-1, 3))
        return np.concatenate(levels).astype(np.float32)


def without_overlaps(rows: np.ndarray) -> np.ndarray:
    """Return the rows whose box no better one covers, best first; pixels count whole, as in the published code."""
    rows = rows[np.argsort(-rows[:, 14], kind="stable")[:BEST]]
    low, high = rows[:, :2], rows[:, 2:4]
    areas = (high - low + 1).prod(axis=1)
    kept, waiting = [], np.arange(len(rows))
    while len(waiting):
        best, waiting = waiting[0], waiting[1:]
        kept.append(best)
        shared = np.minimum(high[best], high[waiting]) - np.maximum(low[best], low[waiting]) + 1
        common = np.maximum(shared, 0).prod(axis=1)
        waiting = waiting[common / (areas[best] + areas[waiting] - common) <= NMS]
    return rows[kept]


def _levels(anchors: Any) -> tuple[list[int], list[list[int]]]:
    try:
        steps, sides = (
            [int(step) for step in anchors["steps"]],
            [[int(side) for side in level] for level in anchors["sides"]],
        )
        if len(steps) == len(sides) and all(0 < number < 5000 for level in (steps, *sides) for number in level):
            return steps, sides
    except (TypeError, KeyError, ValueError):
        pass
    raise UserError("a RetinaFace graph does not say where its anchors are", expected=_EXPECTED)


def _decoded(anchors: np.ndarray, boxes: np.ndarray, points: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return rows of box, points and score (n,15), in pixels, from what the network says of n anchors."""
    centre, side = anchors[:, :2], anchors[:, 2:]
    near, far = (np.float32(number) for number in VARIANCES)
    middle = centre + boxes[:, :2] * near * side
    half = side * np.exp(boxes[:, 2:] * far) / 2
    five = centre[:, None] + points.reshape(-1, 5, 2) * near * side[:, None]
    return np.concatenate([middle - half, middle + half, five.reshape(-1, 10), scores[:, None]], axis=1)


def written(network: Any, steps: Sequence[int], sides: Sequence[Sequence[int]]) -> bytes:
    """Return a network as a graph for pictures of any size, which says where its anchors are."""
    import contextlib
    import io
    import logging
    import warnings

    import torch

    height, width = torch.export.Dim("height", min=16), torch.export.Dim("width", min=16)
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), torch.no_grad():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                network,
                (torch.zeros(1, 3, 141, 187),),
                dynamo=True,
                opset_version=18,
                input_names=["image"],
                output_names=["boxes", "logits", "points"],
                dynamic_shapes=({2: height, 3: width},),
                verbose=False,
            )
    finally:
        logging.disable(level)
    assert program is not None
    proto = program.model_proto
    for node in proto.graph.node:  # where in whose files the network was written is nobody's business
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*proto.graph.value_info, *proto.graph.input, *proto.graph.output, *proto.graph.initializer):
        del value.metadata_props[:]
    del proto.metadata_props[:]
    proto.metadata_props.add(key=ANCHORS, value=json.dumps({"steps": steps, "sides": sides}))
    return bytes(proto.SerializeToString())
