"""Draw the geometric part of an augmentation, so that it can be applied to several modalities alike."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from fastrain.augmentation import (
    AugmentConfig,
    BlackSquare,
    Cutout,
    Erasures,
    PatchShuffle,
    RandomErasing,
    RandomResizedCrop,
)

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

Rectangle = tuple[int, int, int, int]  # x0, y0, x1, y1


def cutout_box(height: int, width: int, kept: float, x: int, y: int) -> Rectangle | None:
    """Return the cut-out box x0, y0, x1, y1 around the pixel (x, y), clipped to the image; None when it is empty.

    As in the GAC-FAS reference its sides are sqrt(1 - `kept`) of the image's, rounded down to even pixels.
    """
    ratio = math.sqrt(1 - kept)
    half_width, half_height = int(width * ratio) // 2, int(height * ratio) // 2
    x0, x1 = max(0, x - half_width), min(width, x + half_width)
    y0, y1 = max(0, y - half_height), min(height, y + half_height)
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def fill_with_mean(image: Tensor, box: Rectangle) -> None:
    """Set every pixel of the box in an image CxHxW to the box's mean, channel by channel; in place."""
    x0, y0, x1, y1 = box
    patch = image[:, y0:y1, x0:x1]
    patch.copy_(patch.mean(dim=(1, 2), keepdim=True).expand_as(patch))


class Dice(Protocol):
    """A source of random numbers, which are drawn in a fixed order."""

    def uniform(self, low: float, high: float, /) -> float:
        """Return a number from `low` to `high`."""

    def integers(self, low: int, high: int, /) -> int:
        """Return an integer from `low` to `high`, `high` excluded."""


def erasures(config: Erasures, height: int, width: int, dice: Dice) -> tuple[Rectangle, ...]:
    """Return the rectangles that CDCN's erasing makes black; one that does not fit is left out.

    The draws, in order: how many, then of each its share of the area, its height over its width, its top, its left.
    """
    rectangles = []
    for _ in range(int(dice.integers(1, config.most + 1))):
        area, ratio = dice.uniform(*config.scale) * height * width, dice.uniform(*config.ratio)
        h, w = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if h < height and w < width:
            y, x = int(dice.integers(0, height - h + 1)), int(dice.integers(0, width - w + 1))
            rectangles.append((x, y, x + w, y + h))
    return tuple(rectangles)


def square(height: int, width: int, y: int, x: int, side: int) -> Rectangle:
    """Return CDCN's cut-out square around a pixel, clipped to the image; an odd side is one shorter."""
    half = side // 2
    return max(0, x - half), max(0, y - half), min(width, x + half), min(height, y + half)


_TRIES = 10  # a drawn rectangle may not fit; after so many draws the operation gives up


@dataclass(frozen=True)
class Geometry:
    """The geometric changes of one image; None or zero leaves a step out.

    `resized_crop` is in pixels of the input, `window` in pixels of the padded image, `black` (the rectangles that are
    erased) and `cut` in pixels of the output; `patches` is the permutation of the patches of the output, row by row.
    """

    resized_crop: Rectangle | None
    flip: bool
    angle: float
    window: Rectangle | None
    black: tuple[Rectangle, ...]
    cut: Rectangle | None
    patches: tuple[int, ...] | None

    @classmethod
    def draw(cls, config: AugmentConfig, height: int, width: int, rng: np.random.Generator) -> Geometry:
        """Draw all steps from `rng`, always in the same order."""
        resized_crop = random_window(config.random_resized_crop, height, width, rng)
        if config.random_resized_crop and config.random_resized_crop.cut:
            resized_crop = resized_crop or central_square(height, width)
        if config.random_resized_crop and config.random_resized_crop.side:
            height = width = config.random_resized_crop.side
        flip = bool(rng.random() < config.horizontal_flip)
        angle = float(rng.uniform(-config.rotation, config.rotation)) if config.rotation else 0.0
        window = _window(config, height, width, rng)
        if window:
            height, width = window[3] - window[1], window[2] - window[0]
        black = _erased(config.random_erasing, height, width, rng)
        cut = _cut(config.cutout, height, width, rng)
        patches = _patches(config.patch_shuffle, height, width, rng)
        if config.erasures and rng.random() < config.erasures.p:
            black += erasures(config.erasures, height, width, rng)
        black += _square(config.black_square, height, width, rng)
        return cls(resized_crop, flip, angle, window, black, cut, patches)


def random_window(
    config: RandomResizedCrop | None, height: int, width: int, rng: np.random.Generator
) -> Rectangle | None:
    """Draw the window of a random resized crop; None: the whole image."""
    return _rectangle(config.scale, config.ratio, height, width, rng) if config else None


def central_square(height: int, width: int) -> Rectangle:
    """Return the largest square in the middle of an image."""
    side = min(height, width)
    x, y = (width - side) // 2, (height - side) // 2
    return x, y, x + side, y + side


def _window(config: AugmentConfig, height: int, width: int, rng: np.random.Generator) -> Rectangle | None:
    if config.random_crop is None:
        return None
    padding, size = config.random_crop.padding, config.random_crop.size
    height, width = height + 2 * padding, width + 2 * padding
    w, h = (size, size) if size else (width - 2 * padding, height - 2 * padding)
    if w > width or h > height:
        raise ValueError(f"random_crop.size {size} is larger than the padded image, {width}x{height}")
    return _place(w, h, width, height, rng)


def _erased(config: RandomErasing | None, height: int, width: int, rng: np.random.Generator) -> tuple[Rectangle, ...]:
    if config is None or rng.random() >= config.p:
        return ()
    low, high = config.ratio  # height over width
    rectangle = _rectangle(config.scale, (1 / high, 1 / low), height, width, rng)
    return (rectangle,) if rectangle else ()


def _square(config: BlackSquare | None, height: int, width: int, rng: np.random.Generator) -> tuple[Rectangle, ...]:
    if config is None or rng.random() >= config.p:
        return ()
    y, x, side = (int(rng.integers(low, high)) for low, high in ((0, height), (0, width), (1, config.longest + 1)))
    return (square(height, width, y, x, side),)


def _cut(config: Cutout | None, height: int, width: int, rng: np.random.Generator) -> Rectangle | None:
    if config is None or rng.random() >= config.p:
        return None
    return cutout_box(height, width, rng.random(), int(rng.integers(width)), int(rng.integers(height)))


def _patches(config: PatchShuffle | None, height: int, width: int, rng: np.random.Generator) -> tuple[int, ...] | None:
    if config is None or rng.random() >= config.p:
        return None
    return tuple(rng.permutation((height // config.size) * (width // config.size)).tolist())


def _rectangle(
    scale: tuple[float, float], aspect: tuple[float, float], height: int, width: int, rng: np.random.Generator
) -> Rectangle | None:
    """Draw the area uniformly and the aspect (width over height) uniformly in its logarithm."""
    for _ in range(_TRIES):
        area = rng.uniform(*scale) * height * width
        drawn = math.exp(rng.uniform(math.log(aspect[0]), math.log(aspect[1])))
        w, h = round(math.sqrt(area * drawn)), round(math.sqrt(area / drawn))
        if 0 < w <= width and 0 < h <= height:
            return _place(w, h, width, height, rng)
    return None


def _place(w: int, h: int, width: int, height: int, rng: np.random.Generator) -> Rectangle:
    x, y = int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1))
    return x, y, x + w, y + h
