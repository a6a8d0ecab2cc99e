"""What a method may ask its batches to hold for every pixel, beside images and labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

MapSource: TypeAlias = Literal["lit"]
"""Where a map comes from: a row of `fastrain.data.target_maps.SOURCES`."""


@dataclass(frozen=True)
class PixelTarget:
    """A map of every training image, `side` pixels square, that the image's changes of geometry move along.

    It knows no label: what a bona fide face and an attack should look like in it is the method's to say. Source `lit`:
    1 where the image is not black before its colours are changed or parts of it erased, else 0.
    """

    source: MapSource
    side: int
