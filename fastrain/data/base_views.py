"""ME-FAS' training images: one with light changes, and two views made from that one."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from fastrain.data.augment_config import BaseViews
from fastrain.data.imgaug_operations import LUMINANCE, blur, brightness, cropped, hue_and_saturation


@dataclass
class ViewMaker:
    """Makes the images of one sample, one a call: first the base, then as many views of it as are asked for.

    Everything is drawn from `rng` in the order in which it is applied.
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
