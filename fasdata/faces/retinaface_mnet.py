"""RetinaFace-MobileNet0.25 and its two lighter relatives, from files of weights that may be used commercially."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fasdata.errors import UserError
from fasdata.faces.detector import Detector, DetectorRequest, Letterbox
from fasdata.faces.model_file import answering, file_sha256
from fasdata.faces.retinaface_runtime import MEANS, NMS, VARIANCES, GraphRows, without_overlaps, written
from fasdata.foreign.states import fitted, read_state_dict
from fasdata.records import Face

if TYPE_CHECKING:
    import torch

    from fasdata.faces.retinaface_networks import MobileNetRetina, SlimRetina

MARGIN = 0.5  # around a pre-cropped face, which would otherwise be larger than the largest anchor
SIDE = 1920  # longer frames are shrunk to it: more pixels bring more false faces, not more faces
CANVAS_PIXELS = 8 << 20  # of the frames that share a batch on a GPU
_EXPECTED = "a .pth file of RetinaFace-MobileNet0.25, slim or RFB (biubug6/Face-Detector-1MB-with-landmark)"


class RetinaFaceMnetDetector(Detector):
    """RetinaFace with MobileNet0.25, slim or RFB (Deng et al. 2020; biubug6): box, five points and a score per face.

    Frames are searched at their own size, as the published code does, and what it finds is found: boxes and points
    are its to 1/1000 px. Which of the three networks a file holds is told by its names.
    """

    name = "retinaface-mnet"

    def __init__(
        self,
        model: Path,
        *,
        min_face: int = 40,
        min_score: float = 0.5,
        precropped: bool = False,
        device: str = "cpu",
        graph: bytes = b"",
    ) -> None:
        """Load the weights in `model`, or a `graph` that `as_onnx` wrote of them, then without torch.

        Raises:
            UserError: it is no file of weights, or holds those of another network.
        """
        self.settings = settings(DetectorRequest(min_face=min_face, precropped=precropped))
        self.fingerprint = hashlib.sha256(graph).hexdigest() if graph else file_sha256(model)
        self._model, self._device = Path("retinaface.onnx") if graph else model, device
        self._min_face, self._min_score, self._margin = min_face, min_score, self.settings["margin"]
        self._graph: GraphRows | None = None
        if graph:
            with answering(self._model, _EXPECTED):
                self._graph = GraphRows(graph, min_score)
        else:
            import torch

            if device != "cpu":  # otherwise a detection would depend on the rest of the batch
                torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic = False, True
            self.kind, network = network_of(model)
            self._network = network.eval().to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.detect([np.zeros((64, 64, 3), np.uint8)])  # only now it shows numbers that are none

    def detect(self, frames: Sequence[np.ndarray], indices: Sequence[int] = ()) -> list[list[Face]]:
        """Return the faces of each frame; on a GPU frames of equal size share one forward pass."""
        faces: list[list[Face]] = [[] for _ in frames]
        with answering(self._model, _EXPECTED, device=self._device):
            for places, box in self._together(frames):
                canvases = [box.lay(frames[place]) for place in places]
                for place, rows in zip(places, self._rows(canvases), strict=True):
                    faces[place] = self._faces(rows, box)
        return faces

    def _together(self, frames: Sequence[np.ndarray]) -> Iterator[tuple[list[int], Letterbox]]:
        """Yield places of frames that share a batch, and their canvas. A processor gains nothing from more than one."""
        by_shape: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for place, frame in enumerate(frames):
            by_shape[frame.shape].append(place)
        for shape, places in by_shape.items():
            box = Letterbox.within(shape[1], shape[0], SIDE, self._margin)
            step = max(1, CANVAS_PIXELS // (box.width * box.height)) if self._device != "cpu" else 1
            for first in range(0, len(places), step):
                yield places[first : first + step], box

    def _rows(self, canvases: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return for each canvas the faces as rows of box (4), points (10) and score, the best first."""
        if self._graph is not None:
            return [self._graph.of(canvas) for canvas in canvases]
        import torch

        height, width = canvases[0].shape[:2]
        with torch.inference_mode():
            pixels = torch.from_numpy(np.stack(canvases)).to(self._device)
            image = pixels.permute(0, 3, 1, 2).flip(1).float() - torch.tensor(MEANS, device=self._device).view(3, 1, 1)
            boxes, logits, points = self._network(image.contiguous(memory_format=torch.channels_last))
            scores = logits.softmax(dim=-1)[..., 1]
            if not bool(torch.isfinite(scores).all()):
                raise ValueError("a network whose scores are no numbers")
            anchors = self._network.anchors.of(width, height).to(self._device)
            return [
                without_overlaps(_decoded(anchors[kept], box[kept], five[kept], score[kept]).cpu().numpy())
                for box, five, score, kept in zip(boxes, points, scores, scores >= self._min_score, strict=True)
            ]

    def _faces(self, rows: np.ndarray, box: Letterbox) -> list[Face]:
        return box.faces(rows[:, :4], rows[:, 4:14].reshape(-1, 5, 2), rows[:, 14], self._min_face)


def make(request: DetectorRequest, model: Path) -> RetinaFaceMnetDetector:
    """Return the detector that is asked for, with the file `model`, or with its graph in memory, without torch."""
    return RetinaFaceMnetDetector(
        model,
        min_face=request.min_face,
        min_score=request.min_score,
        precropped=request.precropped,
        device=request.device,
        graph=next(iter(request.files.values()), b""),
    )


def settings(request: DetectorRequest) -> dict[str, float]:
    """Return the settings that, with the weights, decide what this detector finds."""
    return {"min_face": request.min_face, "side": SIDE, "margin": MARGIN if request.precropped else 0.0, "nms": NMS}


def as_onnx(model: Path) -> dict[str, bytes]:
    """Return the network whose weights a file holds as ONNX, by file name, for pictures of any size.

    Raises:
        UserError: it holds none.
    """
    _, network = network_of(model)
    return {"retinaface.onnx": written(network.eval(), network.anchors.steps, network.anchors.sides)}


def network_of(path: Path) -> tuple[str, MobileNetRetina | SlimRetina]:
    """Return the network whose weights a file holds, by its name in the table.

    Raises:
        UserError: it holds none, or those of another network.
    """
    from fasdata.faces.retinaface_networks import NETWORKS, MobileNetRetina, has_leaky_rectifiers

    state = read_state_dict(path)
    for name, build in NETWORKS.items():
        network = build()
        wanted = network.state_dict()
        own = fitted(state, wanted).tensors
        if own.keys() == wanted.keys() and all(own[key].shape == value.shape for key, value in wanted.items()):
            if build is MobileNetRetina and has_leaky_rectifiers(own):
                raise UserError(
                    f"{path} cannot be used as --detector-model",
                    expected=_EXPECTED,
                    found="a network of the same names with leaky rectifiers, as biubug6/Pytorch_Retinaface trains it",
                )
            network.load_state_dict(dict(own))
            return name, network
    first = next(iter(state.tensors))
    raise UserError(
        f"{path} cannot be used as --detector-model",
        expected=_EXPECTED,
        found=f"weights of another network ({len(state.tensors)} entries, the first {first[:80]})",
    )


def _decoded(anchors: torch.Tensor, boxes: torch.Tensor, points: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
    """Return rows of box, points and score (n,15), in pixels, from what the network says of n anchors."""
    import torch

    centre, side = anchors[:, :2], anchors[:, 2:]
    middle = centre + boxes[:, :2] * VARIANCES[0] * side
    half = side * torch.exp(boxes[:, 2:] * VARIANCES[1]) / 2
    five = centre[:, None] + points.unflatten(1, (5, 2)) * VARIANCES[0] * side[:, None]
    return torch.cat([middle - half, middle + half, five.flatten(1), scores[:, None]], dim=1)
