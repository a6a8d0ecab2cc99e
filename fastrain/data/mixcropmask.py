"""MixCropMask, the augmentation of MMDGFAS: every modality mixed with changed copies, cropped, and some taken away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from fastrain.data.augment_config import MixCropMask
from fastrain.data.augmix_operations import OPERATIONS, REACH

CHAINS, LONGEST = 3, 3


class Dice(Protocol):
    """What random numbers are asked of, always in the same order."""

    def shares(self, n: int) -> np.ndarray:
        """Return `n` float32 numbers that add up to 1, every such choice alike (a flat Dirichlet)."""

    def integer(self, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`, `high` excluded."""


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

    Each modality has its own mixture and, unless `shared_crop`, its own crop. Half of the samples that have two
    modalities or more then lose some: one of them, or all but one, with the same chance. A lost modality is black.
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
    """Return which modalities a sample loses."""
    if dice.integer(0, 2):
        return []
    slot = dice.integer(0, len(names))
    alone = dice.integer(0, 2)
    return [name for k, name in enumerate(names) if (k == slot) != bool(alone)]
