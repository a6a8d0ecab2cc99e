"""MTCNN with the weights of facenet-pytorch, which come inside that package's wheel."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fasdata.faces.cascade_windows import FACTOR, THRESHOLDS
from fasdata.faces.detector import Detector, DetectorRequest, face_from_corners
from fasdata.faces.model_file import FACENET_WEIGHTS, files_sha256
from fasdata.records import Box, Face

if TYPE_CHECKING:
    from fasdata.faces.cascade import Detections

LEAST = 20  # facenet-pytorch's own smallest face: every pyramid is a part of the one that begins there
FRAME_PIXELS = 32 << 20  # of the frames that share a batch on a GPU
ENLARGED = 2.0  # the searched place near a face, in units of the longer side of its box
SIZES = (0.45, 1.8)  # windows of the first network near a face, in the same units


class MtcnnDetector(Detector):
    """Multi-task cascaded network (Zhang et al. 2016): box, five points and a score per face.

    Faces whose side is under `min_face` pixels, or somewhat above, are not searched: the pyramid is that of
    facenet-pytorch's default, without its first levels, so that both find the same faces.
    """

    name = "mtcnn"

    def __init__(self, *, min_face: int = 40, device: str = "cpu", files: Mapping[str, bytes] | None = None) -> None:
        """Load the three networks of the installed package, or those of `files` (ONNX, by name), without torch."""
        from fasdata.faces.cascade import Cascade
        from fasdata.faces.cascade_networks import OnnxNetworks, TorchNetworks

        self.settings = settings(DetectorRequest(min_face=min_face))
        self.fingerprint = files_sha256(files) if files else FACENET_WEIGHTS.fingerprint()
        self._levels = _levels_left_out(min_face)
        self._cascade = Cascade(OnnxNetworks(files) if files else TorchNetworks(device))
        self._on_gpu = device != "cpu"

    def detect(self, frames: Sequence[np.ndarray], indices: Sequence[int] = ()) -> list[list[Face]]:
        """Return the faces of each frame; on a GPU frames of equal size share one forward pass."""
        faces: list[list[Face]] = [[] for _ in frames]
        for places in self._together(frames):
            height, width = frames[places[0]].shape[:2]
            scales = self.scales(width, height)
            if scales:  # otherwise no face of that size fits
                detections = self._cascade.detect([frames[place] for place in places], scales)
                for place, of_frame in zip(places, detections, strict=True):
                    faces[place] = _faces(of_frame)
        return faces

    def detect_near(self, frames: Sequence[np.ndarray], boxes: Sequence[Box]) -> list[list[Face]]:
        """Return the faces around a box in each frame: those that `detect` finds there, for about half its work."""
        return [self._near(frame, box) for frame, box in zip(frames, boxes, strict=True)]

    def refine(self, frames: Sequence[np.ndarray], boxes: Sequence[Box]) -> list[list[Face]]:
        """Return the face that the last network alone finds at a box in each frame, if any.

        Box and points follow a face that has moved by a fraction of its size since `box` was right.
        """
        return [_faces(self._cascade.refine(frame, box)) for frame, box in zip(frames, boxes, strict=True)]

    def _near(self, frame: np.ndarray, box: Box) -> list[Face]:
        side = max(box[2] - box[0], box[3] - box[1])
        low, high = (12 / (share * side) for share in reversed(SIZES)) if side > 0 else (0.0, 0.0)
        scales = [scale for scale in self.scales(frame.shape[1], frame.shape[0]) if low <= scale <= high]
        x, y, half = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, ENLARGED * side / 2
        place = (x - half, y - half, x + half, y + half)
        return _faces(self._cascade.detect_near(frame, place, scales)) if scales else []

    def scales(self, width: int, height: int) -> list[float]:
        """Return the scales at which a frame of this size is searched, in pixels per source pixel."""
        from fasdata.faces.cascade import CELL, pyramid

        return pyramid(width, height, CELL / (LEAST * FACTOR ** max(0, -self._levels)))[max(0, self._levels) :]

    def _together(self, frames: Sequence[np.ndarray]) -> Iterator[list[int]]:
        """Yield places of frames that share a batch. A processor gains nothing from more than one."""
        by_shape: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for place, frame in enumerate(frames):
            by_shape[frame.shape].append(place)
        for shape, places in by_shape.items():
            step = max(1, FRAME_PIXELS // (shape[0] * shape[1])) if self._on_gpu else 1
            yield from (places[first : first + step] for first in range(0, len(places), step))


def make(request: DetectorRequest, model: Path) -> MtcnnDetector:
    """Return the detector that is asked for."""
    return MtcnnDetector(min_face=request.min_face, device=request.device, files=request.files)


def settings(request: DetectorRequest) -> dict[str, float]:
    """Return the settings that, with the weights, decide what this detector finds."""
    thresholds = {f"threshold_{stage}": value for stage, value in zip("pro", THRESHOLDS, strict=True)}
    smallest = LEAST / FACTOR ** _levels_left_out(request.min_face)
    return {"min_face": request.min_face, "smallest_window": round(smallest, 3), "factor": FACTOR, **thresholds}


def _levels_left_out(min_face: int) -> int:
    """Return how many levels of the pyramid from 20 pixels on are too small for `min_face`; negative: it needs more."""
    return math.floor(math.log(min_face / LEAST) / -math.log(FACTOR) + 1e-9)


def _faces(detections: Detections) -> list[Face]:
    return [
        face_from_corners(box.reshape(2, 2), points, score)
        for box, points, score in zip(detections.boxes, detections.points, detections.scores, strict=True)
    ]
