"""The training images of FLIP: one of changed saturation, strongly changed views beside it, and their operations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from fastrain.augmentation import AugmentConfig
from fastrain.data.colours import Colours
from fastrain.data.geometry import Rectangle, random_window
from fastrain.data.preparing import resample

if TYPE_CHECKING:
    from PIL.Image import Image

# -- Operations: RGB uint8 (H,W,3) ------------------------------------------------------------------------------------


def saturated(image: np.ndarray, factor: float | None, *, wrap: bool) -> np.ndarray:
    """Return the image with its saturation times `factor`, by OpenCV's conversions of floats; None leaves it.

    Saturation above 1 gives negative values. They become 0, and all others are rounded; with `wrap` values lose what
    stands behind the point, negative ones become bright (modulo 256), and an image without a factor is converted too,
    which costs some values a grey level: the published code on x86.
    """
    if factor is None and not wrap:
        return image
    turned = cv2.cvtColor(image.astype(np.float32), cv2.COLOR_RGB2HSV)
    if factor is not None:
        turned[..., 1] = turned[..., 1] * np.float32(factor)
    back = cv2.cvtColor(turned, cv2.COLOR_HSV2RGB)
    return back.astype(np.int32).astype(np.uint8) if wrap else np.rint(np.clip(back, 0, 255)).astype(np.uint8)


@dataclass(frozen=True)
class View:
    """The changes of one view, in this order; None, empty or zero leaves a step out.

    `crop` is enlarged or shrunk to the whole; `colours` are steps with their factor or shift; then grey, a Gaussian
    blur of deviation `blur` pixels, a flip. Pillow does them all.
    """

    crop: Rectangle | None = None
    colours: Sequence[tuple[str, float]] = ()
    grey: bool = False
    blur: float = 0.0
    flip: bool = False

    def of(self, image: np.ndarray) -> np.ndarray:
        """Return the view of an image, of the same size."""
        from PIL import Image, ImageFilter

        picture = Image.fromarray(np.ascontiguousarray(image))
        if self.crop:
            picture = picture.crop(self.crop).resize(picture.size, Image.Resampling.BILINEAR)
        for name, amount in self.colours:
            picture = _coloured(picture, name, amount)
        if self.grey:
            picture = picture.convert("L").convert("RGB")
        if self.blur:
            picture = picture.filter(ImageFilter.GaussianBlur(self.blur))
        if self.flip:
            picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return np.asarray(picture)


def _coloured(picture: Image, name: str, amount: float) -> Image:
    from PIL import Image, ImageEnhance

    if name != "hue":
        kinds = {
            "brightness": ImageEnhance.Brightness,
            "contrast": ImageEnhance.Contrast,
            "saturation": ImageEnhance.Color,
        }
        return kinds[name](picture).enhance(amount)
    hue, saturation, value = picture.convert("HSV").split()
    turned = (np.asarray(hue).astype(np.int32) + int(amount * 255)).astype(np.uint8)
    return Image.merge("HSV", (Image.fromarray(turned), saturation, value)).convert("RGB")


# -- The images of one sample -----------------------------------------------------------------------------------------


@dataclass
class SimCLRViewMaker:
    """Make the images of one sample, one a call: first the base, then any number of views beside it.

    `config` has `simclr_views`. The views are made of what the base was before it was flipped. Random numbers are drawn
    from `rng` in the order in which the steps apply.
    """

    config: AugmentConfig
    rng: np.random.Generator
    _upright: np.ndarray | None = None

    def next(self, image: np.ndarray) -> np.ndarray:
        """Return the next image uint8 of the sample `image` (H,W,3), of side `config.resize` if that is set."""
        config, rng = self.config.simclr_views, self.rng
        assert config is not None
        if self._upright is not None:
            return self._drawn(self._upright).of(self._upright)
        factor = float(rng.uniform(*config.saturation)) if rng.random() < config.saturate else None
        changed = saturated(image, factor, wrap=config.hsv == "reference")
        side = self.config.resize
        if side and changed.shape[:2] != (side, side):
            changed = resample(changed, "rgb", self.config, size=(side, side))
        self._upright = changed
        return cv2.flip(changed, 1) if rng.random() < config.base_flip else changed

    def _drawn(self, image: np.ndarray) -> View:
        config, rng = self.config.simclr_views, self.rng
        assert config is not None
        height, width = image.shape[:2]
        return View(
            crop=random_window(config.crop, height, width, rng),
            colours=Colours.draw(config.jitter, rng).steps,
            grey=bool(rng.random() < config.grey),
            blur=float(rng.uniform(*config.blur)) if rng.random() < config.blurred else 0.0,
            flip=bool(rng.random() < config.view_flip),
        )
