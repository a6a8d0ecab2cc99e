"""Embed pictures and charts in a page, with titles and explanations."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from fasdata.page.page import fill

# -- Pictures ---------------------------------------------------------------------------------------------------------

THUMBNAIL = 128  # pixels, longest side
JPEG_QUALITY = 85
PICTURE = "data:image/jpeg;base64,"


def data_uri(image: np.ndarray, longest: int = THUMBNAIL) -> str:
    """Return an RGB image (H, W, 3) uint8 as a JPEG data URI, shrunk so that no side passes `longest` pixels.

    Raises:
        ValueError: the array is no such image, or could not be encoded.
    """
    import cv2

    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(f"expected an RGB uint8 image, found {image.dtype} {image.shape}")
    factor = longest / max(image.shape[:2])
    if factor < 1:
        size = (max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    done, encoded = cv2.imencode(".jpg", image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise ValueError(f"could not encode an image of {image.shape[1]} x {image.shape[0]} pixels")
    return PICTURE + base64.b64encode(encoded.tobytes()).decode("ascii")


@dataclass(frozen=True)
class Picture:
    """A thumbnail with its text; without a `source` (a data URI) the text `absent` takes its place."""

    title: str
    facts: Sequence[tuple[str, Any]]
    source: str = ""
    alt: str = ""
    absent: str = "no picture"


@dataclass(frozen=True)
class Gallery:
    """Pictures in a grid, under a caption if there is one."""

    pictures: Sequence[Picture]
    caption: str = ""

    def __html__(self) -> Markup:
        return fill("gallery", pictures=self.pictures, caption=self.caption)


# -- Charts -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Chart:
    """A chart (`svg` from `fasdata.page.charts`) with its title and, for newcomers, how to read it."""

    title: str
    svg: Markup
    reading: str = ""

    def __html__(self) -> Markup:
        return fill("figure", figure=self)


@dataclass(frozen=True)
class Charts:
    """Charts (or a notice in place of one) side by side where the page is wide enough."""

    charts: Sequence[Any]

    def __html__(self) -> Markup:
        return fill("figures", figures=self.charts)
