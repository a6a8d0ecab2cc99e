"""RetinaFace-MobileNet0.25, slim and RFB as a graph, run by onnxruntime where torch is not wanted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fasdata.errors import UserError
from fasdata.faces.detector import DetectorRequest
from fasdata.faces.model_file import answering
from fasdata.faces.retinaface_mnet import (
    MEANS,
    VARIANCES,
    RetinaFaceMnetDetector,
    settings,
    without_overlaps,
)
from fasdata.foreign import json_of

ANCHORS = "anchors"  # the entry of the graph's metadata
_EXPECTED = "a graph that 'fastrain export' wrote of a RetinaFace file"


class RetinaFaceRuntime(RetinaFaceMnetDetector):
    """The same detector, from a graph: what it finds is the same to a small fraction of a pixel."""

    def __init__(self, graph: bytes, request: DetectorRequest) -> None:
        """Load the graph.

        Raises:
            UserError: it is none of this detector.
        """
        import onnxruntime

        self.settings = settings(request)
        self.fingerprint = hashlib.sha256(graph).hexdigest()
        self._model, self._device = Path("retinaface.onnx"), "cpu"
        self._min_face, self._min_score, self._margin = request.min_face, request.min_score, self.settings["margin"]
        options = onnxruntime.SessionOptions()
        options.log_severity_level, options.intra_op_num_threads = 4, 1
        with answering(self._model, _EXPECTED):
            self._session: Any = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
            told = self._session.get_modelmeta().custom_metadata_map.get(ANCHORS, "")
        self._steps, self._sides = _levels(json_of(told or "null", "the anchors of a RetinaFace graph"))
        self.detect([np.zeros((64, 64, 3), np.uint8)])

    def _rows(self, canvases: Sequence[np.ndarray]) -> list[np.ndarray]:
        found = []
        for canvas in canvases:
            image = canvas[..., ::-1].astype(np.float32) - np.array(MEANS, np.float32)
            fed = np.ascontiguousarray(image.transpose(2, 0, 1)[None])
            boxes, logits, points = (output[0] for output in self._session.run(None, {"image": fed}))
            scores = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
            if not np.isfinite(scores).all():
                raise ValueError("a network whose scores are no numbers")
            kept = scores >= self._min_score
            anchors = self._anchors(canvas.shape[1], canvas.shape[0])
            found.append(without_overlaps(_decoded(anchors[kept], boxes[kept], points[kept], scores[kept])))
        return found

    def _anchors(self, width: int, height: int) -> np.ndarray:
        levels = []
        for step, sides in zip(self._steps, self._sides, strict=True):
            rows, columns = np.arange(-(-height // step)), np.arange(-(-width // step))
            y, x, side = np.meshgrid(rows, columns, np.array(sides), indexing="ij")
            levels.append(np.stack([(x + 0.5) * step, (y + 0.5) * step, side], axis=-1).reshape(-1, 3))
        return np.concatenate(levels).astype(np.float32)


def _levels(told: Any) -> tuple[list[int], list[list[int]]]:
    try:
        steps, sides = [int(step) for step in told["steps"]], [[int(side) for side in level] for level in told["sides"]]
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


def as_onnx(model: Path) -> dict[str, bytes]:
    """Return the network whose weights a file holds as ONNX, by file name, for pictures of any size.

    Raises:
        UserError: it holds none.
    """
    import contextlib
    import io
    import logging
    import warnings

    import torch

    from fasdata.faces.retinaface_mnet import network_of

    _, network = network_of(model)
    height, width = torch.export.Dim("height", min=16), torch.export.Dim("width", min=16)
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), torch.no_grad():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                network.eval(),
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
    anchors = network.anchors
    proto.metadata_props.add(key=ANCHORS, value=json.dumps({"steps": anchors.steps, "sides": anchors.sides}))
    return {"retinaface.onnx": bytes(proto.SerializeToString())}
