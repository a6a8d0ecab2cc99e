"""Crop a frame to what a store keeps of it: a region of every modality, encoded, and its perceptual hash."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fasdata.extract.settings import ExtractSettings
from fasdata.faces.context import to_thousandths
from fasdata.faces.region import Region, crop_region, cut, other_regions
from fasdata.faces.view import View
from fasdata.faces.whole_image import content_boxes
from fasdata.quality import face_in_crop, measure
from fasdata.records import MODALITIES, CropRecord, Face
from fasdata.store.codec import Codec, decode, encode
from fasdata.store.hashes import perceptual_hash

DARK = 5.0  # of 255: a crop with a lower mean is dark


@dataclass(frozen=True)
class Cropped:
    """What is stored of a frame: its record, the encoded image of each modality, and why others were left out.

    `sharpness` and `brightness` are those of the face as it is stored.
    """

    crop: CropRecord
    encoded: Mapping[str, bytes]
    phash: str
    dark: bool
    sharpness: float
    brightness: float
    left_out: tuple[str, ...] = ()


def crop_frame(images: Mapping[str, np.ndarray], face: Face, settings: ExtractSettings) -> Cropped | None:
    """Return the stored form of a frame around `face`, None when the region lies outside the image.

    A modality that does not lie on rgb as the release states is left out: it would show another place.
    """
    regions = _regions(images, face, settings)
    if regions is None:
        return None
    taken = {name: region for name, region in regions.items() if not isinstance(region, str)}
    parts = {name: cut(images[name], taken[name], settings.max_side) for name in MODALITIES if name in taken}
    rgb, scale = parts["rgb"]
    encoded = {name: encode(pixels, settings.codec) for name, (pixels, _) in parts.items()}
    stored = decode(encoded["rgb"]) if Codec.parse(settings.codec).quality else rgb  # a lossy one changes pixels
    sharpness, brightness = measure(face_in_crop(stored, face.box, taken["rgb"], scale))
    return Cropped(
        crop=CropRecord(taken["rgb"], round(scale, 6), settings.codec, tuple(parts)),
        encoded=encoded,
        phash=perceptual_hash(rgb),
        dark=bool(rgb.mean() < DARK),
        sharpness=sharpness,
        brightness=brightness,
        left_out=tuple(f"{name} left out: {why}" for name, why in regions.items() if isinstance(why, str)),
    )


def _regions(
    images: Mapping[str, np.ndarray], face: Face, settings: ExtractSettings
) -> Mapping[str, Region | str] | None:
    if settings.cuts_borders:
        return content_boxes(images)
    height, width = images["rgb"].shape[:2]
    region = _region(face, width, height, settings)
    if region is None:
        return None
    registered = settings.form.registered
    if settings.takes_whole_image and registered == "scaled":
        registered = "none"  # whole images, each of them the face: no position is carried over that could be off
    return {"rgb": region, **other_regions(images, region, registered)}


def _region(face: Face, width: int, height: int, settings: ExtractSettings) -> Region | None:
    """Return the region of a face in a frame: what the named views show of it, else the square of the context."""
    # Where every image is a face, all of it is stored, whatever views show of it.
    named = () if settings.takes_whole_image else settings.views
    box = to_thousandths(face.box)
    reaches = [View.named(text).reach(box, face.landmarks, (width, height)) for text in named]
    regions = [reach for reach in reaches if reach is not None]
    if not regions or len(regions) < len(reaches):  # without landmarks it is not known what some views would show
        square = crop_region(face.box, width, height, settings.context)
        regions += [square] if square is not None else []
    if not regions:
        return None
    x0, y0, x1, y1 = zip(*regions, strict=True)
    return min(x0), min(y0), max(x1), max(y1)
