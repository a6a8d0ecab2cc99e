"""Black borders around pre-cropped faces, as CASIA-SURF and CeFA have them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fasdata.faces.detector import iou
from fasdata.faces.region import Region

THRESHOLD = 7  # on the largest channel: compression leaves no pure black
LEAST = 16  # pixels: a smaller remainder is no face, and the image is kept whole
AGREE = 0.7  # IoU from which the box found on colour serves depth and ir too


def content_box(image: np.ndarray) -> Region:
    """Return x0, y0, x1, y1 (end exclusive) of what is brighter than black; the whole image when that is too small.

    16-bit images are held against the same number, not the same share of their range: a face at a metre's distance is
    no surround.
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
