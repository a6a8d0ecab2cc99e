"""The stored region of a frame: a generous square around a face box, in native pixels."""

from __future__ import annotations

import math

import numpy as np

from fasdata.records import Box

Region = tuple[int, int, int, int]


def crop_region(box: Box, width: int, height: int, context: float) -> Region | None:
    """Return x0, y0, x1, y1 (whole pixels, end exclusive) of the square of side `context` x the longer box side.

    It is centred on the box and clipped to the frame. None when nothing of it lies inside the frame.
    """
    centre_x, centre_y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    half = context * max(box[2] - box[0], box[3] - box[1]) / 2
    x0, x1 = max(0, math.floor(centre_x - half)), min(width, math.ceil(centre_x + half) + 1)
    y0, y1 = max(0, math.floor(centre_y - half)), min(height, math.ceil(centre_y + half) + 1)
    return (x0, y0, x1, y1) if x1 - x0 > 1 and y1 - y0 > 1 else None


def cut(image: np.ndarray, region: Region, max_side: int) -> tuple[np.ndarray, float]:
    """Return the region's pixels and their scale; they are shrunk only when the longer side passes `max_side`.

    A `max_side` of 0 means no limit. 16-bit depth is thinned, not averaged: no distance is invented between two
    surfaces.
    """
    x0, y0, x1, y1 = region
    crop = image[y0:y1, x0:x1]
    longest = max(crop.shape[:2])
    if not max_side or longest <= max_side:
        return np.ascontiguousarray(crop), 1.0
    import cv2

    scale, deep = max_side / longest, crop.dtype == np.uint16
    size = (max(1, round(crop.shape[1] * scale)), max(1, round(crop.shape[0] * scale)))
    return cv2.resize(crop, size, interpolation=cv2.INTER_NEAREST if deep else cv2.INTER_AREA), scale
