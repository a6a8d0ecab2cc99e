"""MixCropMask, the augmentation of MMDGFAS: mix every modality with changed copies, crop it, take some away."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Protocol

import cv2
import numpy as np
import torch
from torch.nn import functional as F
from torchvision.transforms.v2 import functional

from fastrain.augmentation import MixCropMask

# -- The thirteen operations that AugMix chains, on 8-bit images ------------------------------------------------------
# Three are torchvision's. The others give the bytes of torchvision's `transforms.functional` and take a hundredth to
# three quarters of its time (benchmarks/augmix_operations.py). Rounding matters, because chains feed
# one operation's bytes to the next: geometric operations round to the nearest value, colour operations cut off.

REACH = 3  # magnitudes that are drawn: the weakest three of ten
_VALUES = np.arange(256, dtype=np.float32)
_GREY = (0.2989, 0.587, 0.114)


@dataclass(frozen=True)
class Operation:
    """One operation on an image (C,H,W) uint8, and how strongly it is applied.

    `magnitude(k, side)` is the k-th of its magnitudes for images of `side` pixels; `signed` ones go both ways.
    """

    name: str
    apply: Callable[[np.ndarray, float], np.ndarray]
    magnitude: Callable[[int, int], float] | None = None
    signed: bool = False


def _shear_x(image: np.ndarray, amount: float) -> np.ndarray:
    return _moved(image, ((1.0, amount, amount * image.shape[1] / 2), (0.0, 1.0, 0.0))) if amount else image


def _shear_y(image: np.ndarray, amount: float) -> np.ndarray:
    return _moved(image, ((1.0, 0.0, 0.0), (amount, 1.0, amount * image.shape[2] / 2))) if amount else image


def _translate_x(image: np.ndarray, amount: float) -> np.ndarray:
    return _shifted(image, 0, int(amount))


def _translate_y(image: np.ndarray, amount: float) -> np.ndarray:
    return _shifted(image, int(amount), 0)


def _rotate(image: np.ndarray, degrees: float) -> np.ndarray:
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    return _moved(image, ((cosine, -sine, 0.0), (sine, cosine, 0.0))) if degrees else image


def _posterize(image: np.ndarray, bits: float) -> np.ndarray:
    return functional.posterize(torch.from_numpy(image), int(bits)).numpy()


def _solarize(image: np.ndarray, threshold: float) -> np.ndarray:
    return functional.solarize(torch.from_numpy(image), threshold).numpy()


def _autocontrast(image: np.ndarray, _: float) -> np.ndarray:
    planes = []
    for plane in image:
        low, high = np.float32(plane.min()), np.float32(plane.max())
        # torchvision divides 255 by the range as torch does: the inverse first.
        table = (_VALUES - low) * (np.float32(255) * (1 / (high - low))) if high > low else _VALUES
        planes.append(_looked_up(plane, table))
    return np.stack(planes)


def _equalize(image: np.ndarray, _: float) -> np.ndarray:
    return functional.equalize(torch.from_numpy(image)).numpy()


def _brightness(image: np.ndarray, amount: float) -> np.ndarray:
    return _bytes(np.float32(1 + amount) * image)  # torchvision's takes torch's default type, which a run may change


def _colour(image: np.ndarray, amount: float) -> np.ndarray:
    factor = 1 + amount
    return _bytes(np.float32(factor) * image + np.float32(1 - factor) * _grey(image).astype(np.float32))


def _contrast(image: np.ndarray, amount: float) -> np.ndarray:
    factor = 1 + amount
    mean = torch.from_numpy(_grey(image)).float().mean().numpy()
    return _looked_up(image, np.float32(factor) * _VALUES + np.float32(1 - factor) * mean)


def _sharpness(image: np.ndarray, amount: float) -> np.ndarray:
    if min(image.shape[1:]) <= 2:
        return image
    factor, smooth = 1 + amount, image.astype(np.float32)
    for plane, target in zip(image, smooth, strict=True):
        sums = cv2.boxFilter(plane, cv2.CV_32F, (3, 3), normalize=False) + 4 * target
        target[1:-1, 1:-1] = np.rint(sums[1:-1, 1:-1] / 13)
    return _bytes(np.float32(factor) * image + np.float32(1 - factor) * smooth)


@cache
def _strength(k: int, weakest: float, strongest: float) -> float:
    """Return the k-th of ten strengths at equal distances, rounded as torch rounds them."""
    return float(torch.linspace(weakest, strongest, 10)[k])


def _tenth(k: int, _: int) -> float:
    return _strength(k, 0.0, 0.9)


OPERATIONS = (
    Operation("ShearX", _shear_x, lambda k, side: _strength(k, 0.0, 0.3), signed=True),
    Operation("ShearY", _shear_y, lambda k, side: _strength(k, 0.0, 0.3), signed=True),
    Operation("TranslateX", _translate_x, lambda k, side: _strength(k, 0.0, side / 3), signed=True),
    Operation("TranslateY", _translate_y, lambda k, side: _strength(k, 0.0, side / 3), signed=True),
    Operation("Rotate", _rotate, lambda k, side: _strength(k, 0.0, 30.0), signed=True),
    Operation("Posterize", _posterize, lambda k, side: 4 - round(k / 9 * 4)),
    Operation("Solarize", _solarize, lambda k, side: _strength(k, 255.0, 0.0)),
    Operation("AutoContrast", _autocontrast),
    Operation("Equalize", _equalize),
    Operation("Brightness", _brightness, _tenth, signed=True),
    Operation("Color", _colour, _tenth, signed=True),
    Operation("Contrast", _contrast, _tenth, signed=True),
    Operation("Sharpness", _sharpness, _tenth, signed=True),
)


def _moved(image: np.ndarray, matrix: tuple[tuple[float, ...], ...]) -> np.ndarray:
    """Return the image whose pixels are taken from where `matrix` says: bilinear, rounded, black outside."""
    grid = _grid(matrix, *image.shape[1:])
    moved = F.grid_sample(torch.from_numpy(image)[None].float(), grid, align_corners=False)
    return moved[0].round_().to(torch.uint8).numpy()


@lru_cache(maxsize=64)
def _grid(matrix: tuple[tuple[float, ...], ...], height: int, width: int) -> torch.Tensor:
    """Return the input position of every output pixel as `grid_sample` takes them; coordinates from the centre."""
    columns = torch.arange(width) + (1 - width) / 2
    rows = torch.arange(height) + (1 - height) / 2
    places = torch.stack(
        [columns.expand(height, width), rows[:, None].expand(height, width), torch.ones(height, width)]
    )
    halves = torch.tensor([width / 2, height / 2])
    return (places.flatten(1).T @ (torch.tensor(matrix).T / halves)).view(1, height, width, 2)


def _shifted(image: np.ndarray, down: int, right: int) -> np.ndarray:
    """Return the image moved by whole pixels, filled with black."""
    _, height, width = image.shape
    result = np.zeros_like(image)
    if abs(down) < height and abs(right) < width:
        result[:, max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)] = image[
            :, max(0, -down) : height + min(0, -down), max(0, -right) : width + min(0, -right)
        ]
    return result


def _grey(image: np.ndarray) -> np.ndarray:
    """Return (H,W) uint8; one channel counts as three equal ones (whose weights add up to a little less than 1)."""
    parts = [np.float32(w) * image[min(c, len(image) - 1)] for c, w in enumerate(_GREY)]
    return (parts[0] + parts[1] + parts[2]).astype(np.uint8)


def _looked_up(image: np.ndarray, table: np.ndarray) -> np.ndarray:
    return cv2.LUT(image.reshape(-1, image.shape[-1]), _bytes(table)).reshape(image.shape)


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(values, 0, 255).astype(np.uint8)


# -- MixCropMask ------------------------------------------------------------------------------------------------------

CHAINS, LONGEST = 3, 3


class Dice(Protocol):
    """A source of random numbers, which are drawn in a fixed order."""

    def shares(self, n: int) -> np.ndarray:
        """Return `n` float32 numbers that add up to 1, drawn from a flat Dirichlet distribution."""

    def integer(self, low: int, high: int) -> int:
        """Return an integer from `low` to `high`, `high` excluded."""


@dataclass(frozen=True)
class GeneratorDice:
    """Random numbers of a NumPy generator."""

    rng: np.random.Generator

    def shares(self, n: int) -> np.ndarray:
        return self.rng.dirichlet(np.ones(n)).astype(np.float32)

    def integer(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high))


def mix_crop_mask(
    images: Mapping[str, np.ndarray], config: MixCropMask, dice: Dice, *, shared_crop: bool
) -> dict[str, np.ndarray]:
    """Return the sample, square images HxW or HxWxC of uint8 by modality, mixed, cropped and masked.

    Each modality has its own mixture and, unless `shared_crop`, its own crop. Half of the samples with two modalities
    or more then lose one of them, or all but one, with equal probability. A lost modality is black.
    """
    changed: dict[str, np.ndarray] = {}
    corner: tuple[int, int] | None = None
    for name, image in images.items():
        mixed = _mixed(image, dice) if config.mix else image
        if corner is None or not shared_crop:
            left, top = (dice.integer(0, side - config.crop + 1) for side in (image.shape[1], image.shape[0]))
            corner = left, top
        left, top = corner
        changed[name] = mixed[top : top + config.crop, left : left + config.crop]
    for name in _lost(list(images), dice) if config.mask and len(images) > 1 else ():
        changed[name] = np.zeros_like(changed[name])
    return changed


def augmix(image: np.ndarray, dice: Dice) -> np.ndarray:
    """Return an image (C,H,W) uint8 mixed with three chains of one to three random operations each, as uint8.

    The draws, in order: the share of the image itself, the chains' shares of the rest, then for each chain its length,
    and for each operation which, how strongly, and which way (Hendrycks et al., "AugMix", ICLR 2020).
    """
    own, rest = dice.shares(2)
    shares = dice.shares(CHAINS) * rest
    mixed = own * image.astype(np.float32)
    for share in shares:
        chained = image
        for _ in range(dice.integer(1, LONGEST + 1)):
            chained = _changed(chained, dice)
        mixed += share * chained.astype(np.float32)
    return mixed.astype(np.uint8)


def _changed(image: np.ndarray, dice: Dice) -> np.ndarray:
    operation = OPERATIONS[dice.integer(0, len(OPERATIONS))]
    amount = 0.0
    if operation.magnitude:
        amount = operation.magnitude(dice.integer(0, REACH), image.shape[2])
    if operation.signed and dice.integer(0, 2):
        amount = -amount
    return operation.apply(image, amount)


def _mixed(image: np.ndarray, dice: Dice) -> np.ndarray:
    planes = image[None] if image.ndim == 2 else np.ascontiguousarray(image.transpose(2, 0, 1))
    mixed = augmix(planes, dice)
    return mixed[0] if image.ndim == 2 else mixed.transpose(1, 2, 0)


def _lost(names: list[str], dice: Dice) -> list[str]:
    """Draw which modalities a sample loses."""
    if dice.integer(0, 2):
        return []
    slot = dice.integer(0, len(names))
    alone = dice.integer(0, 2)
    return [name for k, name in enumerate(names) if (k == slot) != bool(alone)]
