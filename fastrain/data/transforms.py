"""Augmentation of all modalities of a sample at once.

`fastrain.data.geometry` draws what happens to the pixel grid; this file applies it, to every modality alike when the
geometry is shared, and adds the colour changes that belong to rgb alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fasdata.records import MODALITIES
from fastrain.data.augment_config import AugmentConfig, ColourJitter, PatchShuffle
from fastrain.data.geometry import Geometry

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image
    from torch import Tensor

__all__ = ["AugmentConfig", "augment", "to_tensors"]

_FULL_SCALE = {"uint8": 255.0, "uint16": 65535.0}
_DEPTH_DIVISOR = {"mm": 4096.0}  # by unit; the depth cameras of these datasets reach no further than 4 metres


def augment(
    images: Mapping[str, np.ndarray], config: AugmentConfig, rng: np.random.Generator, depth_unit: str = ""
) -> dict[str, Tensor]:
    """Return the randomly changed sample as float32 tensors CxHxW in [0, 1], one a modality.

    `images`: modality -> HxW or HxWxC (C 1 or 3), uint8 or uint16, all of one height and width after `config.resize`.
    The result depends on `images`, `config` and `rng` alone, not on the order of the dictionary; what happens to rgb
    does not depend on which other modalities are there. `depth_unit` is what 16-bit depth means in the store.

    Raises:
        ValueError: no modality, an unknown one, other types or shapes, or sizes that differ.
    """
    import numpy as np

    resized = _resized(images, config)
    height, width = next(iter(resized.values())).shape[:2]
    colours = _draw_colours(config.colour_jitter, rng)
    shared = Geometry.draw(config, height, width, rng) if config.shared_geometry else None
    result = {}
    for name, image in resized.items():
        geometry = shared or Geometry.draw(config, height, width, rng)
        if name == "rgb":
            image = _recoloured(image, colours)
        image = np.ascontiguousarray(_moved(image, geometry, config, name))
        result[name] = _masked(_tensor(image, name, config, depth_unit), geometry, config.patch_shuffle)
    return result


def to_tensors(images: Mapping[str, np.ndarray], config: AugmentConfig, depth_unit: str = "") -> dict[str, Tensor]:
    """Return the sample as `augment` does, without the random steps: what validation and test use.

    Raises:
        ValueError: as `augment`.
    """
    return {name: _tensor(image, name, config, depth_unit) for name, image in _resized(images, config).items()}


def _resized(images: Mapping[str, np.ndarray], config: AugmentConfig) -> dict[str, np.ndarray]:
    if not images or not set(images) <= set(MODALITIES):
        raise ValueError(f"expected one or more of {', '.join(MODALITIES)}, found {', '.join(images) or 'nothing'}")
    ordered = {name: images[name] for name in MODALITIES if name in images}
    for name, image in ordered.items():
        channels = image.shape[2] if image.ndim == 3 else 1
        if str(image.dtype) not in _FULL_SCALE or image.ndim not in (2, 3) or channels not in (1, 3):
            raise ValueError(f"{name}: expected HxW or HxWx1|3 of uint8|uint16, found {image.shape} of {image.dtype}")
    if config.resize:
        target = (config.resize, config.resize)
        ordered = {n: i if i.shape[:2] == target else _resample(i, n, config, size=target) for n, i in ordered.items()}
    sizes = {name: image.shape[:2] for name, image in ordered.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"modalities differ in height and width ({sizes}); set resize")
    return ordered


def _moved(image: np.ndarray, geometry: Geometry, config: AugmentConfig, modality: str) -> np.ndarray:
    import numpy as np

    if geometry.resized_crop:
        image = _resample(image, modality, config, size=(image.shape[1], image.shape[0]), box=geometry.resized_crop)
    if geometry.flip:
        image = image[:, ::-1]
    if geometry.angle:
        image = _resample(image, modality, config, angle=geometry.angle)
    if geometry.window and config.random_crop:
        x0, y0, x1, y1 = geometry.window
        border = ((config.random_crop.padding,) * 2,) * 2 + ((0, 0),) * (image.ndim - 2)
        image = np.pad(image, border)[y0:y1, x0:x1]
    return image


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
    import numpy as np
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


def _tensor(image: np.ndarray, modality: str, config: AugmentConfig, depth_unit: str) -> Tensor:
    import numpy as np
    import torch

    deep = modality == "depth" and image.dtype == np.uint16
    full = _FULL_SCALE[str(image.dtype)]
    divisor = (config.depth_divisor or _DEPTH_DIVISOR.get(depth_unit, full)) if deep else full
    planes = image[:, :, None] if image.ndim == 2 else image
    scaled = np.minimum(planes.astype(np.float32) / np.float32(divisor), np.float32(1))
    return torch.from_numpy(np.ascontiguousarray(scaled.transpose(2, 0, 1)))


def _masked(tensor: Tensor, geometry: Geometry, shuffle: PatchShuffle | None) -> Tensor:
    if geometry.erased:
        x0, y0, x1, y1 = geometry.erased
        tensor[:, y0:y1, x0:x1] = 0
    if geometry.patches and shuffle:
        side, columns, before = shuffle.size, tensor.shape[2] // shuffle.size, tensor.clone()
        for place, source in enumerate(geometry.patches):
            (y, x), (v, u) = ((side * (n // columns), side * (n % columns)) for n in (place, source))
            tensor[:, y : y + side, x : x + side] = before[:, v : v + side, u : u + side]
    return tensor


def _draw_colours(config: ColourJitter | None, rng: np.random.Generator) -> list[tuple[str, float]]:
    """Return the colour steps in the order in which they apply, each with its factor or shift."""
    if config is None or rng.random() >= config.p:
        return []
    steps = [(name, float(rng.uniform(max(0.0, 1 - s), 1 + s))) for name, s in _strengths(config).items()]
    if config.hue:
        steps.append(("hue", float(rng.uniform(-config.hue, config.hue))))
    return [steps[i] for i in rng.permutation(len(steps))]


def _strengths(config: ColourJitter) -> dict[str, float]:
    named = {"brightness": config.brightness, "contrast": config.contrast, "saturation": config.saturation}
    return {name: strength for name, strength in named.items() if strength}


def _recoloured(image: np.ndarray, colours: list[tuple[str, float]]) -> np.ndarray:
    if not colours:
        return image
    import numpy as np
    import torch
    from torchvision.transforms.v2 import functional

    change = {
        "brightness": functional.adjust_brightness,
        "contrast": functional.adjust_contrast,
        "saturation": functional.adjust_saturation,
        "hue": functional.adjust_hue,
    }
    tensor = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
    for name, amount in colours:
        tensor = change[name](tensor, amount)
    return tensor.numpy().transpose(1, 2, 0)
