"""Augment all modalities of a sample at once.

`fastrain.data.geometry` draws the geometric steps; this file applies them, to every modality alike when the geometry is
shared, and changes colours and grey levels (`fastrain.data.colours`).
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import TypeAlias

import cv2
import numpy as np
import torch
from torch import Tensor

from fasdata.errors import UserError
from fastrain.augmentation import AugmentConfig, PatchShuffle
from fastrain.data.base_views import ViewMaker
from fastrain.data.colours import Colours, LevelsGammaDraw
from fastrain.data.geometry import Geometry, Rectangle, fill_with_mean
from fastrain.data.mixcropmask import GeneratorDice, mix_crop_mask
from fastrain.data.preparing import Stage, output_side, resample, resized, write, write_into
from fastrain.data.simclr_views import SimCLRViewMaker
from fastrain.data.target_maps import MapWriter

__all__ = ["AugmentConfig", "augment", "augment_into", "output_side", "to_tensors", "views_of", "write_into"]

Views: TypeAlias = ViewMaker | SimCLRViewMaker


def augment(
    images: Mapping[str, np.ndarray], config: AugmentConfig, rng: np.random.Generator, depth_unit: str = ""
) -> dict[str, Tensor]:
    """Return the randomly changed sample as float32 tensors CxHxW in [0, 1], one a modality.

    `images`: modality -> HxW or HxWxC (C 1 or 3), uint8 or uint16, all of one height and width after `config.resize`.
    The result depends on `images`, `config` and `rng` alone, not on the order of the dictionary; what happens to rgb
    does not depend on the other modalities. `depth_unit` is what 16-bit depth means in the store.

    Raises:
        ValueError: no modality, an unknown one, other types or shapes, or sizes that differ.
    """
    written: dict[str, np.ndarray] = {}
    augment_into(images, config, rng, depth_unit, out=written)
    return {name: torch.from_numpy(array) for name, array in written.items()}


def augment_into(
    images: Mapping[str, np.ndarray],
    config: AugmentConfig,
    rng: np.random.Generator,
    depth_unit: str = "",
    *,
    out: MutableMapping[str, np.ndarray],
    views: Views | None = None,
    maps: MapWriter | None = None,
    stage: Stage | None = None,
) -> None:
    """Do as `augment` does and write the results to `out`: modality -> float32 CxHxW; missing arrays are added.

    What needs no numbers, but the 8 bits of an image alone, goes to `stage` in place of `out`, where there is one.
    With `config.base_views` or `config.simclr_views` the image is the next one of `views`; without `views` the base.
    Maps are taken from the images before they are changed, and move with the first modality.

    Raises:
        ValueError: as `augment`, or an array of another shape.
        UserError: one of these, and another modality than rgb.
    """
    views = views or views_of(config, rng)
    if views:
        _require_rgb_alone(images, config)
        image = images["rgb"] if config.simclr_views else resized(images, config, depth_unit)["rgb"]
        write(views.next(image), "rgb", config, depth_unit, out, stage)
        return
    changed = resized(images, config, depth_unit)
    height, width = next(iter(changed.values())).shape[:2]
    planes = maps.planes(changed) if maps else {}
    colours = Colours.draw(config.colour_jitter, rng)
    # Drawn from apart, so that rgb's mixture does not depend on how many other modalities draw their geometry before.
    dice = GeneratorDice(np.random.default_rng(rng.integers(2**63))) if config.mix_crop_mask else None
    shared = Geometry.draw(config, height, width, rng) if config.shared_geometry else None
    geometries = {}
    for name, image in changed.items():
        geometries[name] = shared or Geometry.draw(config, height, width, rng)
        if config.levels_gamma:
            image = LevelsGammaDraw.draw(config.levels_gamma, image, rng).changed(image)
        if name == "rgb":
            image = colours.changed(image)
        changed[name] = moved(image, geometries[name], config, name)
    if config.mix_crop_mask and dice:
        changed = mix_crop_mask(changed, config.mix_crop_mask, dice, shared_crop=config.shared_geometry)
    for name, image in changed.items():
        geometry = geometries[name]
        written = write(image, name, config, depth_unit, out, None if geometry.cut else stage)
        _mask(written, geometry, config.patch_shuffle)
    if maps:
        _write_maps(maps, planes, next(iter(geometries.values())), config)


def _write_maps(maps: MapWriter, planes: Mapping[str, np.ndarray], geometry: Geometry, config: AugmentConfig) -> None:
    for name, plane in planes.items():
        placed = moved(plane, geometry, config, "depth")  # the nearest value: a mean of two is in no map
        _shuffle(placed[None], geometry, config.patch_shuffle)
        maps.write(name, placed)


def views_of(config: AugmentConfig, rng: np.random.Generator) -> Views | None:
    """Return what makes the images of one sample, where the configuration has views of its own; else None."""
    if config.base_views:
        return ViewMaker(config.base_views, rng)
    return SimCLRViewMaker(config, rng) if config.simclr_views else None


def to_tensors(images: Mapping[str, np.ndarray], config: AugmentConfig, depth_unit: str = "") -> dict[str, Tensor]:
    """Return the sample as `augment` does, without the random steps: what validation and test use.

    Raises:
        ValueError: as `augment`.
    """
    written: dict[str, np.ndarray] = {}
    write_into(images, config, depth_unit, out=written)
    return {name: torch.from_numpy(array) for name, array in written.items()}


def _require_rgb_alone(images: Mapping[str, np.ndarray], config: AugmentConfig) -> None:
    if set(images) != {"rgb"}:
        own = "base_views" if config.base_views else "simclr_views"
        raise UserError(
            f"augment.{own} is made for rgb alone",
            found=", ".join(images),
            do=f"--set data.augment.{own}=null, or --set model.modalities=[rgb]",
        )


def moved(image: np.ndarray, geometry: Geometry, config: AugmentConfig, modality: str) -> np.ndarray:
    """Return an image of a modality after the geometric steps that come before it is a tensor."""
    if geometry.angle and config.rotate_first:
        image = resample(image, modality, config, angle=geometry.angle, nearest=True)
    crop = config.random_resized_crop
    if crop and (geometry.resized_crop or crop.side):
        size, box = (crop.side, crop.side) if crop.side else (image.shape[1], image.shape[0]), geometry.resized_crop
        if crop.cut and box:
            image, box = image[box[1] : box[3], box[0] : box[2]], None
        image = resample(image, modality, config, size=size, box=box)
    if geometry.flip:
        image = cv2.flip(image, 1).reshape(image.shape)  # cv2 drops a last axis of one
    if geometry.angle and not config.rotate_first:
        image = resample(image, modality, config, angle=geometry.angle)
    if geometry.window and config.random_crop:
        image = _windowed(image, geometry.window, config.random_crop.padding)
    return image


def _windowed(image: np.ndarray, window: Rectangle, padding: int) -> np.ndarray:
    """Return a window of the image after a black border of `padding` pixels; only the window is made."""
    x0, y0, x1, y1 = (edge - padding for edge in window)
    inside = image[max(0, y0) : y1, max(0, x0) : x1]
    result = np.zeros((y1 - y0, x1 - x0, *image.shape[2:]), image.dtype)
    result[max(0, -y0) :, max(0, -x0) :][: inside.shape[0], : inside.shape[1]] = inside
    return result


def _mask(image: np.ndarray, geometry: Geometry, shuffle: PatchShuffle | None) -> None:
    """Erase, cut and shuffle in place, in the image CxHxW."""
    for x0, y0, x1, y1 in geometry.black:
        image[:, y0:y1, x0:x1] = 0
    if geometry.cut:
        fill_with_mean(torch.from_numpy(image), geometry.cut)
    _shuffle(image, geometry, shuffle)


def _shuffle(image: np.ndarray, geometry: Geometry, shuffle: PatchShuffle | None) -> None:
    """Let patches change places, in the image CxHxW."""
    if geometry.patches and shuffle:
        side, columns, before = shuffle.size, image.shape[2] // shuffle.size, image.copy()
        for place, source in enumerate(geometry.patches):
            (y, x), (v, u) = ((side * (n // columns), side * (n % columns)) for n in (place, source))
            image[:, y : y + side, x : x + side] = before[:, v : v + side, u : u + side]
