"""Make the pixels of a view from a stored crop, in one resampling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

BORDERS = ("constant", "reflect")
RESIZES = ("area", "linear", "pillow")
Border = Literal["constant", "reflect", "replicate"]
Resize = Literal["area", "linear", "pillow"]


def warped(
    crop: np.ndarray,
    matrix: np.ndarray,
    region: Sequence[int],
    scale: float | None,
    size: int,
    *,
    border: Border = "constant",
    resize: Resize = "area",
) -> np.ndarray:
    """Return the image (size, size[, channels]) that `matrix`, from source pixels to its own, makes of a crop.

    The crop shows `region` of the source at `scale` stored pixels per source pixel, or at a size of its own (None).
    8-bit images are resized as `resize` says: `area` is bilinear after area averaging when the image shrinks by more
    than 2; `linear` is bilinear always, as `cv2.warpAffine` is; `pillow` is Pillow's bilinear. A box that is stretched,
    which has the border `replicate`, `linear` and `pillow` treat as `cv2.resize` and `PIL.Image.resize` treat its
    pixels, to the bit. 16-bit depth takes the nearest pixel, so that no distance is invented between two surfaces.
    """
    import cv2

    (a, b, x), (c, d, y) = matrix.tolist()
    height, width = crop.shape[:2]
    left, top, right, bottom = (float(edge) for edge in region)
    across, down = (scale, scale) if scale else (width / (right - left), height / (bottom - top))
    nearest = crop.dtype == np.uint16
    if border == "replicate" and resize != "area" and not nearest:
        # Where the image's edges lie in the crop: its first pixel reaches from 0 to 1.
        xs = tuple(((edge - 0.5 - x) / a + 0.5 - left) * across for edge in (0, size))
        ys = tuple(((edge - 0.5 - y) / d + 0.5 - top) * down for edge in (0, size))
        boxed = _resized(crop, xs, ys, size, resize)
        if boxed is not None:
            return boxed
    zoom = math.sqrt(abs(a * d - b * c) / (across * down))
    if resize == "area" and not nearest and zoom < 0.5:
        small = (max(1, round(width * zoom)), max(1, round(height * zoom)))
        crop = cv2.resize(crop, small, interpolation=cv2.INTER_AREA)
        across, down = across * small[0] / width, down * small[1] / height
    # A pixel (u, v) of the crop is the point (u / across + left, v / down + top) of the source, but for the halves.
    left, top = left + 0.5 / across - 0.5, top + 0.5 / down - 0.5
    local = np.array([[a / across, b / down, a * left + b * top + x], [c / across, d / down, c * left + d * top + y]])
    mode = {
        "constant": cv2.BORDER_CONSTANT, "reflect": cv2.BORDER_REFLECT_101, "replicate": cv2.BORDER_REPLICATE,
    }[border]  # fmt: skip
    flags = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
    return cv2.warpAffine(crop, local, (size, size), flags=flags, borderMode=mode)


def _resized(
    crop: np.ndarray, xs: tuple[float, float], ys: tuple[float, float], size: int, resize: Resize
) -> np.ndarray | None:
    """Return the part of a crop from `xs` to `ys` (its pixels) resized; None where only a warp can do it."""
    import cv2

    whole = [round(edge) for edge in (*xs, *ys)]
    if max(abs(edge - near) for edge, near in zip((*xs, *ys), whole, strict=True)) < 1e-6:
        (x0, x1), (y0, y1) = whole[:2], whole[2:]
    elif resize == "pillow":
        (x0, x1), (y0, y1) = ((math.floor(low), math.ceil(high)) for low, high in (xs, ys))
    else:
        return None
    if not (0 <= x0 < x1 <= crop.shape[1] and 0 <= y0 < y1 <= crop.shape[0]):
        return None
    part = crop[y0:y1, x0:x1]
    if resize == "linear":
        return cv2.resize(part, (size, size), interpolation=cv2.INTER_LINEAR)
    from PIL import Image

    # Parts of pixels at the edges: a crop that was stored smaller, or a modality of another size.
    inside = (max(0.0, xs[0] - x0), max(0.0, ys[0] - y0), min(x1 - x0, xs[1] - x0), min(y1 - y0, ys[1] - y0))
    picture = Image.fromarray(np.ascontiguousarray(part))
    return np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR, box=inside))
