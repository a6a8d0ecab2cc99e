"""The detector `none`: in a pre-cropped release the image is the face, without the black borders of some releases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from fasdata.faces.detector import Detector, DetectorRequest, iou
from fasdata.faces.region import Region
from fasdata.records import Face

# -- Black borders around pre-cropped faces, as CASIA-SURF and CeFA have them -----------------------------------------


THRESHOLD = 7  # on the largest channel: compression leaves no pure black
LEAST = 16  # pixels: a smaller remainder is no face, and the image is not cut
AGREE = 0.7  # IoU from which the box found on colour serves depth and ir too


def content_box(image: np.ndarray) -> Region:
    """Return x0, y0, x1, y1 (end exclusive) of the part brighter than black; the full image when that is too small.

    16-bit images are compared with the same number, not the same share of their range: a face at a metre's distance is
    no border.
    """
    bright = (image if image.ndim == 2 else image.max(axis=2)) > THRESHOLD
    rows, columns = np.flatnonzero(bright.any(axis=1)), np.flatnonzero(bright.any(axis=0))
    height, width = bright.shape
    if not len(rows) or min(rows[-1] - rows[0], columns[-1] - columns[0]) + 1 < LEAST:
        return (0, 0, width, height)
    return (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def content_boxes(images: Mapping[str, np.ndarray]) -> dict[str, Region]:
    """Return the box of every modality.

    The box of rgb serves all when their sizes are equal and their own boxes agree with it (IoU >= 0.7); otherwise each
    is cut by its own.
    """
    boxes = {name: content_box(image) for name, image in images.items()}
    same_size = len({image.shape[:2] for image in images.values()}) == 1
    if same_size and all(iou(boxes["rgb"], box) >= AGREE for box in boxes.values()):
        return dict.fromkeys(boxes, boxes["rgb"])
    return boxes


# -- The detector `none` ----------------------------------------------------------------------------------------------


class WholeImage(Detector):
    """Takes every image for one face: the box is the full image, the score 1, and there are no landmarks.

    With `cut_borders` the box is the part inside the black borders.
    """

    name = "none"
    fingerprint = ""

    def __init__(self, *, cut_borders: bool = False) -> None:
        self.settings: dict[str, float] = {}
        self._cut_borders = cut_borders

    def detect(self, frames: Sequence[np.ndarray], indices: Sequence[int] = ()) -> list[list[Face]]:
        """Return one face for each frame."""
        return [[self._face(frame)] for frame in frames]

    def _face(self, frame: np.ndarray) -> Face:
        x0, y0, x1, y1 = content_box(frame) if self._cut_borders else (0, 0, frame.shape[1], frame.shape[0])
        return Face((float(x0), float(y0), float(x1), float(y1)), (), 1.0)


def make(request: DetectorRequest, model: Path) -> WholeImage:
    """Return the detector that is asked for."""
    return WholeImage(cut_borders=request.cut_borders)


def settings(request: DetectorRequest) -> dict[str, float]:
    """Return no setting: a store records elsewhere whether borders were cut."""
    return {}
