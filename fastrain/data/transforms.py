"""Augment all modalities of a sample at once.

`fastrain.data.geometry` draws the geometric steps; this file applies them, to every modality alike when the geometry is
shared, and changes the colours of rgb (`fastrain.data.colours`).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from torch import Tensor

from fasdata.errors import UserError
from fasdata.records import MODALITIES
from fastrain.augmentation import AugmentConfig, PatchShuffle
from fastrain.data.base_views import ViewMaker, fitted
from fastrain.data.colours import Colours
from fastrain.data.geometry import Geometry, Rectangle, fill_with_mean
from fastrain.data.mixcropmask import GeneratorDice, mix_crop_mask

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["AugmentConfig", "augment", "augment_into", "output_side", "to_tensors", "write_into"]

_FULL_SCALE = {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0}
_DEPTH_DIVISOR = {"mm": 4096.0}  # by unit; the depth cameras of these datasets reach no further than 4 metres
_own = threading.local()


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
    views: ViewMaker | None = None,
) -> None:
    """Do as `augment` does and write the results to `out`: modality -> float32 CxHxW; missing arrays are added.

    With `config.base_views` the image is the next one of `views`; without `views` the base.

    Raises:
        ValueError: as `augment`, or an array of another shape.
        UserError: `config.base_views` and another modality than rgb.
    """
    changed = _resized(images, config, depth_unit)
    if config.base_views:
        _require_rgb_alone(changed)
        views = views or ViewMaker(config.base_views, rng)
        _write(views.next(changed["rgb"]), "rgb", config, depth_unit, out)
        return
    height, width = next(iter(changed.values())).shape[:2]
    colours = Colours.draw(config.colour_jitter, rng)
    # Drawn from apart, so that rgb's mixture does not depend on how many other modalities draw their geometry before.
    dice = GeneratorDice(np.random.default_rng(rng.integers(2**63))) if config.mix_crop_mask else None
    shared = Geometry.draw(config, height, width, rng) if config.shared_geometry else None
    geometries = {}
    for name, image in changed.items():
        geometries[name] = shared or Geometry.draw(config, height, width, rng)
        if name == "rgb":
            image = colours.changed(image)
        changed[name] = _moved(image, geometries[name], config, name)
    if config.mix_crop_mask and dice:
        changed = mix_crop_mask(changed, config.mix_crop_mask, dice, shared_crop=config.shared_geometry)
    for name, image in changed.items():
        _mask(_write(image, name, config, depth_unit, out), geometries[name], config.patch_shuffle)


def to_tensors(images: Mapping[str, np.ndarray], config: AugmentConfig, depth_unit: str = "") -> dict[str, Tensor]:
    """Return the sample as `augment` does, without the random steps: what validation and test use.

    Raises:
        ValueError: as `augment`.
    """
    written: dict[str, np.ndarray] = {}
    write_into(images, config, depth_unit, out=written)
    return {name: torch.from_numpy(array) for name, array in written.items()}


def write_into(
    images: Mapping[str, np.ndarray],
    config: AugmentConfig,
    depth_unit: str = "",
    *,
    out: MutableMapping[str, np.ndarray],
) -> None:
    """Do as `to_tensors` does and write the results to `out`, as `augment_into` does."""
    for name, image in _resized(images, config, depth_unit).items():
        _write(image, name, config, depth_unit, out)


def output_side(config: AugmentConfig, side: int, *, random: bool) -> int:
    """Return the side of the tensors that images of `side` become, with the random steps or without them."""
    if random and config.mix_crop_mask:
        return config.mix_crop_mask.crop
    crop = config.random_crop if random else None
    return (crop.size if crop else None) or config.resize or side


def _resized(images: Mapping[str, np.ndarray], config: AugmentConfig, depth_unit: str) -> dict[str, np.ndarray]:
    if not images or not set(images) <= set(MODALITIES):
        raise ValueError(f"expected one or more of {', '.join(MODALITIES)}, found {', '.join(images) or 'nothing'}")
    ordered = {name: images[name] for name in MODALITIES if name in images}
    for name, image in ordered.items():
        channels = image.shape[2] if image.ndim == 3 else 1
        if image.dtype not in _FULL_SCALE or image.ndim not in (2, 3) or channels not in (1, 3):
            raise ValueError(f"{name}: expected HxW or HxWx1|3 of uint8|uint16, found {image.shape} of {image.dtype}")
    if config.resize and config.base_views:
        ordered = {name: fitted(image, config.resize) for name, image in ordered.items()}
    elif config.resize:
        target = (config.resize, config.resize)
        ordered = {n: i if i.shape[:2] == target else _resample(i, n, config, size=target) for n, i in ordered.items()}
    sizes = {name: image.shape[:2] for name, image in ordered.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"modalities differ in height and width ({sizes}); set resize")
    if config.mix_crop_mask:
        ordered = {name: _of_eight_bits(image, name, config, depth_unit) for name, image in ordered.items()}
    return ordered


def _of_eight_bits(image: np.ndarray, modality: str, config: AugmentConfig, depth_unit: str) -> np.ndarray:
    """Return the image in 8 bits, as AugMix needs it; 255 is what would become 1."""
    if image.dtype == np.uint8:
        return image
    scaled = image / _divisor(image, modality, config, depth_unit)
    return np.rint(np.minimum(scaled, 1, out=scaled) * 255).astype(np.uint8)


def _require_rgb_alone(images: Mapping[str, np.ndarray]) -> None:
    if set(images) != {"rgb"}:
        raise UserError(
            "augment.base_views is made for rgb alone",
            found=", ".join(images),
            do="--set data.augment.base_views=null, or --set model.modalities=[rgb]",
        )


def _moved(image: np.ndarray, geometry: Geometry, config: AugmentConfig, modality: str) -> np.ndarray:
    if geometry.resized_crop:
        image = _resample(image, modality, config, size=(image.shape[1], image.shape[0]), box=geometry.resized_crop)
    if geometry.flip:
        image = cv2.flip(image, 1).reshape(image.shape)  # cv2 drops a last axis of one
    if geometry.angle:
        image = _resample(image, modality, config, angle=geometry.angle)
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


def _resample(
    image: np.ndarray,
    modality: str,
    config: AugmentConfig,
    *,
    size: tuple[int, int] | None = None,
    box: tuple[int, int, int, int] | None = None,
    angle: float = 0.0,
) -> np.ndarray:
    """Resize (antialiased, as PIL does) or rotate. Depth takes the nearest value: an average of two is no surface."""
    from PIL import Image

    kind = Image.Resampling.NEAREST if modality == "depth" else Image.Resampling[config.interpolation.upper()]

    def change(plane: np.ndarray) -> Image.Image:
        picture = Image.fromarray(np.ascontiguousarray(plane))
        return picture.resize(size, kind, box) if size else picture.rotate(angle, kind)

    if image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3:
        return np.asarray(change(image))
    # PIL resamples single planes only, and 16 bits safely only as float: exact up to 2^24.
    planes = image[:, :, None] if image.ndim == 2 else image
    work = planes.astype(np.float32) if image.dtype == np.uint16 else planes
    done = np.stack([np.asarray(change(work[:, :, c])) for c in range(work.shape[2])], axis=2)
    limits = np.iinfo(image.dtype)
    done = np.clip(np.rint(done), limits.min, limits.max).astype(image.dtype)
    return done[:, :, 0] if image.ndim == 2 else done


def _write(
    image: np.ndarray, modality: str, config: AugmentConfig, depth_unit: str, out: MutableMapping[str, np.ndarray]
) -> np.ndarray:
    full, divisor = _FULL_SCALE[image.dtype], _divisor(image, modality, config, depth_unit)
    planes = cv2.split(image, _planes(image)) if image.ndim == 3 else (image,)
    shape = (len(planes), *image.shape[:2])
    if modality not in out:
        out[modality] = np.empty(shape, np.float32)
    target = out[modality]
    if target.shape != shape:
        raise ValueError(f"{modality}: expected {target.shape} (channels, height, width), found {shape}")
    for number, plane in enumerate(planes):
        np.divide(plane, divisor, out=target[number])
    if divisor < full:
        np.minimum(target, np.float32(1), out=target)
    return target


def _divisor(image: np.ndarray, modality: str, config: AugmentConfig, depth_unit: str) -> np.float32:
    deep = modality == "depth" and image.dtype == np.uint16
    full = _FULL_SCALE[image.dtype]
    return np.float32((config.depth_divisor or _DEPTH_DIVISOR.get(depth_unit, full)) if deep else full)


def _planes(image: np.ndarray) -> list[np.ndarray]:
    """Return memory for the channels of an image; each thread has its own and uses it for one image after the other."""
    key = (image.shape, image.dtype)
    if getattr(_own, "key", None) != key:
        _own.key = key
        _own.planes = [np.empty(image.shape[:2], image.dtype) for _ in range(image.shape[2])]
    return _own.planes


def _mask(image: np.ndarray, geometry: Geometry, shuffle: PatchShuffle | None) -> None:
    """Erase, cut and shuffle in place, in the image CxHxW."""
    if geometry.erased:
        x0, y0, x1, y1 = geometry.erased
        image[:, y0:y1, x0:x1] = 0
    if geometry.cut:
        fill_with_mean(torch.from_numpy(image), geometry.cut)
    if geometry.patches and shuffle:
        side, columns, before = shuffle.size, image.shape[2] // shuffle.size, image.copy()
        for place, source in enumerate(geometry.patches):
            (y, x), (v, u) = ((side * (n // columns), side * (n % columns)) for n in (place, source))
            image[:, y : y + side, x : x + side] = before[:, v : v + side, u : u + side]
