"""Where the face region of a colour image lies in the frame's other modalities, and which warp they get for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from fasdata.errors import UserError
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


def way_of(config: Mapping[str, Any], dataset: str, modality: str) -> Literal["warp", "whole"]:
    """Return how a view of `modality` is made in a store of this configuration.

    `warp`: by the matrix of rgb, because the release is registered. `whole`: by itself, its stored image stretched to
    the square, because every image of the release is a face and stored as such.

    Raises:
        UserError: the release is not registered and shows more than faces: nobody knows where the face is.
    """
    if modality == "rgb":
        return "warp"
    if config.get("detector") == "none":
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
