"""Images to the numbers that a network is fed, without chance: what evaluation, validation and bundles do.

Neither torch nor the random steps (`fastrain.data.transforms`) are needed for it.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

from fasdata.records import MODALITIES
from fastrain.augmentation import AugmentConfig
from fastrain.data.base_views import fitted

if TYPE_CHECKING:
    from PIL.Image import Image

_FULL_SCALE = {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0}
_DEPTH_DIVISOR = {"mm": 4096.0}  # by unit; the depth cameras of these datasets reach no further than 4 metres
_own = threading.local()


class Stage(Protocol):
    """Takes 8-bit planes, to make numbers of those of several images by one division (`fastrain.data.batches`)."""

    def planes(self, modality: str) -> np.ndarray:
        """Return where the planes of the image that is being written belong, uint8 CxHxW."""


def write_into(
    images: Mapping[str, np.ndarray],
    config: AugmentConfig,
    depth_unit: str = "",
    *,
    out: MutableMapping[str, np.ndarray],
    stage: Stage | None = None,
) -> None:
    """Do as `to_tensors` does and write the results to `out`, as `augment_into` does."""
    for name, image in resized(images, config, depth_unit).items():
        write(image, name, config, depth_unit, out, stage)


def output_side(config: AugmentConfig, side: int, *, random: bool) -> int:
    """Return the side of the tensors that images of `side` become, with the random steps or without them."""
    if random and config.mix_crop_mask:
        return config.mix_crop_mask.crop
    crop, window = (config.random_crop, config.random_resized_crop) if random else (None, None)
    return (crop.size if crop else None) or (window.side if window else None) or config.resize or side


def resized(images: Mapping[str, np.ndarray], config: AugmentConfig, depth_unit: str) -> dict[str, np.ndarray]:
    """Return the images in their order at one size, in 8 bits where the configuration needs that.

    Raises:
        ValueError: no modality, an unknown one, other types or shapes, or sizes that differ.
    """
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
        ordered = {n: i if i.shape[:2] == target else resample(i, n, config, size=target) for n, i in ordered.items()}
    sizes = {name: image.shape[:2] for name, image in ordered.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"modalities differ in height and width ({sizes}); set resize")
    if config.mix_crop_mask or config.levels_gamma:
        ordered = {name: _of_eight_bits(image, name, config, depth_unit) for name, image in ordered.items()}
    return ordered


def _of_eight_bits(image: np.ndarray, modality: str, config: AugmentConfig, depth_unit: str) -> np.ndarray:
    """Return the image in 8 bits, as AugMix and changes of grey levels need it; 255 is what would become 1."""
    if image.dtype == np.uint8:
        return image
    scaled = image / _divisor(image, modality, config, depth_unit)
    return np.rint(np.minimum(scaled, 1, out=scaled) * 255).astype(np.uint8)


def resample(
    image: np.ndarray,
    modality: str,
    config: AugmentConfig,
    *,
    size: tuple[int, int] | None = None,
    box: tuple[int, int, int, int] | None = None,
    angle: float = 0.0,
    nearest: bool = False,
) -> np.ndarray:
    """Resize (antialiased, as PIL does) or rotate.

    Depth takes the nearest value, because an average of two is no surface; with `nearest` everything does.
    """
    from PIL import Image

    kind = Image.Resampling[config.interpolation.upper()]
    if nearest or modality == "depth":
        kind = Image.Resampling.NEAREST

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


def write(
    image: np.ndarray,
    modality: str,
    config: AugmentConfig,
    depth_unit: str,
    out: MutableMapping[str, np.ndarray],
    stage: Stage | None = None,
) -> np.ndarray:
    """Write an image to `out` as float32 CxHxW in [0, 1], or its 8-bit planes to `stage`; return what was written.

    Raises:
        ValueError: there is an array of another shape.
    """
    if stage is not None and image.dtype == np.uint8:
        return _as_planes(image, modality, stage.planes(modality))
    full, divisor = _FULL_SCALE[image.dtype], _divisor(image, modality, config, depth_unit)
    planes = cv2.split(image, _planes(image)) if image.ndim == 3 else (image,)
    shape = (len(planes), *image.shape[:2])
    if modality not in out:
        out[modality] = np.empty(shape, np.float32)
    target = out[modality]
    _require_shape(modality, target, shape)
    for number, plane in enumerate(planes):
        np.divide(plane, divisor, out=target[number])
    if divisor < full:
        np.minimum(target, np.float32(1), out=target)
    return target


def _as_planes(image: np.ndarray, modality: str, target: np.ndarray) -> np.ndarray:
    height, width, *channels = image.shape
    _require_shape(modality, target, (channels[0] if channels else 1, height, width))
    if len(target) > 1:
        cv2.split(image, list(target))
    else:
        target[0] = image.reshape(height, width)
    return target


def _require_shape(modality: str, target: np.ndarray, shape: tuple[int, ...]) -> None:
    if target.shape != shape:
        raise ValueError(f"{modality}: expected {target.shape} (channels, height, width), found {shape}")


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
