"""Where the face region of a colour image lies in the frame's other modalities."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fasdata.faces.region import Region

ASPECT_TOLERANCE = 0.02


def other_regions(images: Mapping[str, np.ndarray], region: Region, registered: str) -> dict[str, Region | str]:
    """Return the region of every modality beside rgb in its own pixels, or in words why it has none.

    `exact`: the same pixels, which needs the same size. `scaled`: the same field of view at another size, to the
    nearest whole pixel; refused where the aspect ratios differ by more than 2 %. `none`: the whole image, because
    nothing is known of how it lies.
    """
    height, width = images["rgb"].shape[:2]
    found: dict[str, Region | str] = {}
    for name, image in images.items():
        if name == "rgb":
            continue
        own = (image.shape[1], image.shape[0])
        if registered == "none":
            found[name] = (0, 0, *own)
        elif registered == "exact" and own != (width, height):
            found[name] = f"{own[0]}x{own[1]} against colour of {width}x{height}, which is not pixel to pixel"
        elif abs(own[0] * height / (own[1] * width) - 1) > ASPECT_TOLERANCE:
            found[name] = f"{own[0]}x{own[1]} against colour of {width}x{height}, which is another aspect ratio"
        else:
            found[name] = _scaled(region, own[0] / width, own[1] / height)
    return found


def _scaled(region: Region, across: float, down: float) -> Region:
    x0, y0, x1, y1 = region
    left, top = round(x0 * across), round(y0 * down)
    return (left, top, max(left + 1, round(x1 * across)), max(top + 1, round(y1 * down)))
