"""MTCNN of facenet-pytorch, batched; its weights come inside that package's wheel."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fasdata.records import Face

THRESHOLDS = (0.6, 0.7, 0.7)
FACTOR = 0.709


class MtcnnDetector:
    """Multi-task cascaded network (Zhang et al. 2016): box, five points and a score per face."""

    name = "mtcnn"

    def __init__(self, *, min_face: int = 40, device: str = "cpu") -> None:
        """Load the three networks; faces whose side is under `min_face` pixels are not looked for."""
        from facenet_pytorch import MTCNN

        self.settings = mtcnn_settings(min_face)
        self.fingerprint = weights_fingerprint()
        self._net = MTCNN(
            keep_all=True, post_process=False, min_face_size=min_face, thresholds=list(THRESHOLDS), factor=FACTOR,
            device=device, select_largest=False,
        )  # fmt: skip

    def detect(self, frames: Sequence[np.ndarray]) -> list[list[Face]]:
        """Return the faces of each frame; frames of equal size share one forward pass."""
        by_shape: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for place, frame in enumerate(frames):
            by_shape[frame.shape].append(place)
        found: list[list[Face]] = [[] for _ in frames]
        for shape, places in by_shape.items():
            if min(shape[:2]) < self.settings["min_face"]:
                continue  # the pyramid would be empty: no face of that size fits
            boxes, scores, points = self._net.detect(np.stack([frames[place] for place in places]), landmarks=True)
            for row, place in enumerate(places):
                if boxes[row] is not None:
                    found[place] = [_face(*one) for one in zip(boxes[row], scores[row], points[row], strict=True)]
        return found


def mtcnn_settings(min_face: int) -> dict[str, float]:
    """Return the settings that, with the weights, decide what this detector finds."""
    thresholds = {f"threshold_{stage}": value for stage, value in zip("pro", THRESHOLDS, strict=True)}
    return {"min_face": min_face, "factor": FACTOR, **thresholds}


def _face(box: np.ndarray, score: float, points: np.ndarray) -> Face:
    # 1/1000 px is far below the detector's precision; rounding keeps records short and their hashes steady.
    x0, y0, x1, y1 = (round(float(value), 3) for value in box)
    return Face(
        (x0, y0, x1, y1), tuple((round(float(x), 3), round(float(y), 3)) for x, y in points), round(float(score), 5)
    )


def weights_fingerprint() -> str:
    """Return the sha256 over the three weight files inside the installed package."""
    from importlib.util import find_spec

    spec = find_spec("facenet_pytorch")
    assert spec is not None and spec.origin is not None  # a declared dependency
    folder = Path(spec.origin).parent / "data"
    digest = hashlib.sha256()
    for stage in ("pnet", "rnet", "onet"):
        digest.update((folder / f"{stage}.pt").read_bytes())
    return digest.hexdigest()
