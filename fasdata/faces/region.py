"""The stored region of a frame: a square around the face, and where it lies in the other modalities."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from fasdata.errors import UserError
from fasdata.faces.detectors import DETECTORS
from fasdata.records import Box, Face
from fasdata.records import Region as Region

# -- The square around a face box, in native pixels -------------------------------------------------------------------


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


def enlarged(box: Box, factor: float) -> Box:
    """Return the square of side `factor` x the longer side of the box, centred on it."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    half = factor * max(box[2] - box[0], box[3] - box[1]) / 2
    return (x - half, y - half, x + half, y + half)


def to_square(image: np.ndarray, place: Box, side: int) -> tuple[np.ndarray, Callable[[Face], Face]]:
    """Return the pixels of a square place as `side` x `side`, and the function that maps a face there to the image.

    What lies outside the image is black.
    """
    import cv2

    x0, y0 = math.floor(place[0]), math.floor(place[1])
    length = max(1, math.ceil(place[2]) - x0, math.ceil(place[3]) - y0)
    inside = (slice(max(0, y0), max(0, y0 + length)), slice(max(0, x0), max(0, x0 + length)))
    part = image[inside]
    square = np.zeros((length, length, *image.shape[2:]), image.dtype)
    square[inside[0].start - y0 :, inside[1].start - x0 :][: part.shape[0], : part.shape[1]] = part
    scale = side / length
    patch = cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)

    def back(face: Face) -> Face:
        def at(x: float, y: float) -> tuple[float, float]:
            # Pixel centres are at integers: the edge of the patch lies half a pixel before its first centre.
            return round((x + 0.5) / scale - 0.5 + x0, 3), round((y + 0.5) / scale - 0.5 + y0, 3)

        box = (*at(*face.box[:2]), *at(*face.box[2:]))
        return Face(box, tuple(at(x, y) for x, y in face.landmarks), face.score)

    return patch, back


# -- Where the region of a colour image lies in the other modalities, and which warp they get -------------------------


ASPECT_TOLERANCE = 0.02


def other_regions(images: Mapping[str, np.ndarray], region: Region, registered: str) -> dict[str, Region | str]:
    """Return the region of every modality but rgb in its own pixels, or in words why it has none.

    `exact`: the same pixels, which needs the same size. `scaled`: the same field of view at another size, to the
    nearest whole pixel; refused where the aspect ratios differ by more than 2 %. `none`: the complete image, because
    its position relative to rgb is unknown.
    """
    height, width = images["rgb"].shape[:2]
    regions: dict[str, Region | str] = {}
    for name, image in images.items():
        if name == "rgb":
            continue
        own = (image.shape[1], image.shape[0])
        if registered == "none":
            regions[name] = (0, 0, *own)
        elif registered == "exact" and own != (width, height):
            regions[name] = f"{own[0]}x{own[1]} against colour of {width}x{height}, which is not pixel to pixel"
        elif abs(own[0] * height / (own[1] * width) - 1) > ASPECT_TOLERANCE:
            regions[name] = f"{own[0]}x{own[1]} against colour of {width}x{height}, which is another aspect ratio"
        else:
            regions[name] = _scaled(region, own[0] / width, own[1] / height)
    return regions


def way_of(config: Mapping[str, Any], dataset: str, modality: str) -> Literal["warp", "whole"]:
    """Return how a view of `modality` is made from a store of this configuration.

    `warp`: by the matrix of rgb, because the release is registered. `whole`: its stored image is stretched to the
    square, because every image of the release is a face.

    Raises:
        UserError: the release is not registered and shows more than faces, so that the place of the face is unknown.
    """
    if modality == "rgb":
        return "warp"
    detector = DETECTORS.get(str(config.get("detector")))
    if detector is not None and detector.whole_image:
        return "whole"
    if config.get("registered") != "none":
        return "warp"
    if config.get("precropped"):
        return "whole"
    raise UserError(
        f"{modality} of {dataset} is not registered to its colour and shows more than the face",
        expected="a registered release, or one that is cropped already",
        do="leave that modality out, or extract the preprocessed release",
    )


def require_same_field(shape: Sequence[int], region: Sequence[int]) -> None:
    """Check that a stored image of `shape` (height, width …) can show `region`: aspect ratios within 2 % and a pixel.

    Raises:
        ValueError: they differ by more.
    """
    (height, width), across, down = shape[:2], region[2] - region[0], region[3] - region[1]
    if abs(width * down / (height * across) - 1) > ASPECT_TOLERANCE + 1.5 / min(width, height):
        raise ValueError(f"{width}x{height} against a region of {across}x{down} in colour: another aspect ratio")


def _scaled(region: Region, across: float, down: float) -> Region:
    x0, y0, x1, y1 = region
    left, top = round(x0 * across), round(y0 * down)
    return (left, top, max(left + 1, round(x1 * across)), max(top + 1, round(y1 * down)))
