"""The training images of ME-FAS: one with light changes, two views made from it, and their 8-bit operations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from fastrain.augmentation import BaseViews

# -- The operations of imgaug 0.4 that ME-FAS uses, on OpenCV: RGB uint8 (H,W,3); values change by tables -------------

# By colour space: the conversion to it, the conversion back, and the channel of luminance.
LUMINANCE = {
    "YCrCb": (cv2.COLOR_RGB2YCrCb, cv2.COLOR_YCrCb2RGB, 0),
    "HSV": (cv2.COLOR_RGB2HSV, cv2.COLOR_HSV2RGB, 2),
    "HLS": (cv2.COLOR_RGB2HLS, cv2.COLOR_HLS2RGB, 1),
    "Lab": (cv2.COLOR_RGB2Lab, cv2.COLOR_Lab2RGB, 0),
    "Luv": (cv2.COLOR_RGB2Luv, cv2.COLOR_Luv2RGB, 0),
    "YUV": (cv2.COLOR_RGB2YUV, cv2.COLOR_YUV2RGB, 0),
}
_KERNEL = 5  # of the blur; right for deviations below 1.5


def brightness(image: np.ndarray, space: str, steps: Sequence[tuple[str, float]]) -> np.ndarray:
    """Return the image with its luminance in `space` changed: `steps` are ("multiply", factor) or ("add", value)."""
    to_space, back, channel = LUMINANCE[space]
    table = np.arange(256, dtype=np.float32)
    for kind, amount in steps:
        table = table * np.float32(amount) if kind == "multiply" else table + np.float32(amount)
        table = np.clip(table, 0, 255).astype(np.uint8).astype(np.float32)
    return _with_tables(image, to_space, back, {channel: table.astype(np.uint8)})


def hue_and_saturation(image: np.ndarray, hue: float, saturation: float) -> np.ndarray:
    """Return the image with hue and saturation multiplied; hue is scaled to 0..255 for that, and is cyclic."""
    values = np.arange(256, dtype=np.float32)
    turned = np.rint(np.trunc(values / 180 * 255) * np.float32(hue)) % 255
    tables = {
        0: np.trunc(turned / 255 * 180).astype(np.uint8),
        1: np.clip(np.rint(values * np.float32(saturation)), 0, 255).astype(np.uint8),
    }
    return _with_tables(image, cv2.COLOR_RGB2HSV, cv2.COLOR_HSV2RGB, tables)


def blur(image: np.ndarray, deviation: float) -> np.ndarray:
    """Return the image after a Gaussian of 5x5 pixels; the border is mirrored."""
    return cv2.GaussianBlur(image, (_KERNEL, _KERNEL), deviation, borderType=cv2.BORDER_REFLECT_101)


def cropped(image: np.ndarray, fractions: Sequence[float]) -> np.ndarray:
    """Return the image without `fractions` of its height or width at top, right, bottom and left, at its old size."""
    height, width = image.shape[:2]
    sides = zip(fractions, (height, width, height, width), strict=True)
    return cropped_by(image, [round(fraction * side) for fraction, side in sides])


def cropped_by(image: np.ndarray, pixels: Sequence[int]) -> np.ndarray:
    """Return the image without `pixels` at top, right, bottom and left, enlarged to its old size."""
    height, width = image.shape[:2]
    top, right, bottom, left = pixels
    inside = image[top : height - bottom, left : width - right]
    if inside.shape == image.shape:
        return image
    return cv2.resize(inside, (width, height), interpolation=cv2.INTER_AREA)  # as imgaug has it for enlarging


def fitted(image: np.ndarray, side: int) -> np.ndarray:
    """Return the middle square of the image after its shorter side was resized to `side` (cubic)."""
    height, width = image.shape[:2]
    scale = side / min(height, width)
    if scale != 1:
        size = (side, round(height * scale)) if width <= height else (round(width * scale), side)
        image = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    return image[top : top + side, left : left + side]


def _with_tables(image: np.ndarray, to_space: int, back: int, tables: dict[int, np.ndarray]) -> np.ndarray:
    changed = cv2.cvtColor(image, to_space)
    lookup = np.tile(np.arange(256, dtype=np.uint8)[:, None], (1, 3))
    for channel, table in tables.items():
        lookup[:, channel] = table
    return cv2.cvtColor(cv2.LUT(changed, lookup[None]), back)


# -- The images of one sample -----------------------------------------------------------------------------------------


@dataclass
class ViewMaker:
    """Make the images of one sample, one a call: first the base, then any number of views of it.

    Random numbers are drawn from `rng` in the order in which the steps apply.
    """

    config: BaseViews
    rng: np.random.Generator
    _base: np.ndarray | None = None

    def next(self, image: np.ndarray) -> np.ndarray:
        """Return the next image (H,W,3) uint8 of the sample `image`."""
        if self._base is None:
            self._base = self._changed(image)
            return self._base
        return self._view(self._base)

    def _changed(self, image: np.ndarray) -> np.ndarray:
        config, rng = self.config, self.rng
        if rng.random() < config.base_flip:
            image = cv2.flip(image, 1)
        steps = [
            ("multiply", float(rng.uniform(*config.luminance))),
            ("add", float(rng.integers(-config.luminance_shift, config.luminance_shift + 1))),
        ]
        if rng.random() < 0.5:
            steps.reverse()
        return brightness(image, self._space(), steps)

    def _view(self, image: np.ndarray) -> np.ndarray:
        config, rng = self.config, self.rng
        image = cropped(image, [float(rng.uniform(0, config.crop_share)) for _ in range(4)])
        if rng.random() < config.recolour:
            image = brightness(image, self._space(), [("multiply", float(rng.uniform(*config.luminance)))])
            factors = (float(rng.uniform(*span)) for span in (config.hue_factor, config.saturation_factor))
            image = hue_and_saturation(image, *factors)
        image = blur(image, float(rng.uniform(*config.blur)))
        return cv2.flip(image, 1) if rng.random() < config.view_flip else image

    def _space(self) -> str:
        spaces = list(LUMINANCE)
        return spaces[int(self.rng.integers(len(spaces)))]
