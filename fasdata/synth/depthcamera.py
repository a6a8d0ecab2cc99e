"""The depth camera: millimetres with noise, steps and holes."""

from __future__ import annotations

import cv2
import numpy as np

from fasdata.synth.fields import Array, blurred, fractal_noise
from fasdata.synth.sensing import Sensing

_REFERENCE = 500.0  # mm
_FARTHEST = 6000.0
_EDGE = 25.0  # mm from a pixel to the next that may leave a hole
_DARK = 0.06  # infrared reflectance below which the camera's pattern is lost


class DepthCamera:
    """The depth camera of one clip."""

    def __init__(self, sensing: Sensing, rng: np.random.Generator) -> None:
        self._sensing, self._rng = sensing, rng
        self._noise = float(rng.uniform(*sensing.depth_noise))

    def measure(self, depth: Array, nir: Array) -> Array:
        """Return uint16 mm, 0 where nothing is measured; `nir` is what comes back of the camera's own light."""
        s, rng = self._sensing, self._rng
        height, width = depth.shape
        far = (depth / _REFERENCE) ** 2
        blotches = fractal_noise(rng, height, width, s.grain, 2)
        fine = rng.standard_normal(depth.shape, dtype=np.float32)
        measured = blurred(depth, s.smooth) + self._noise * far * (0.8 * blotches + 0.25 * fine)
        measured = np.round(measured / s.step) * s.step
        slope = np.abs(cv2.Sobel(depth, cv2.CV_32F, 1, 0, scale=0.125)) + np.abs(
            cv2.Sobel(depth, cv2.CV_32F, 0, 1, scale=0.125)
        )
        patchy = fractal_noise(rng, height, width, 8, 2)
        lost = ((slope > _EDGE) & (patchy > 1 - 1.5 * s.holes)) | ((nir < _DARK) & (patchy > 2.2 - s.holes))
        measured[lost | (measured > _FARTHEST)] = 0
        return np.clip(measured + 0.5, 0, 65535).astype(np.uint16)
