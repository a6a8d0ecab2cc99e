"""The infrared camera: a lamp beside the lens, what comes back, and the picture made of it."""

from __future__ import annotations

import cv2
import numpy as np

from fasdata.synth.fields import Array, blurred
from fasdata.synth.sensing import Sensing

_REFERENCE = 500.0  # mm
_MOST_GAIN = 6.0


class InfraredCamera:
    """The infrared camera of one clip; its exposure is set on the first frame."""

    def __init__(self, sensing: Sensing, rng: np.random.Generator) -> None:
        self._sensing, self._rng = sensing, rng
        self._lamp, self._ambient = float(rng.uniform(*sensing.lamp)), float(rng.uniform(*sensing.ambient))
        self._level = float(rng.uniform(*sensing.level))
        self._aside = rng.normal(0, 0.25, 2).tolist()
        self._gain: float | None = None

    def develop(self, nir: Array, depth: Array, face: Array) -> Array:
        """Return the picture in [0, 1] of what comes back (`nir`, see `Layers`); `face` is what is metered on."""
        s = self._sensing
        height, width = nir.shape
        x = np.linspace(-1, 1, width, dtype=np.float32)[None, :] - self._aside[0]
        y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] - self._aside[1]
        lit = self._lamp * (1 - s.spot * 0.5 * (x * x + y * y)) * (_REFERENCE / depth) ** 2 + self._ambient
        seen = nir * np.maximum(lit, 0.05)
        if self._gain is None:
            mean = max(float(seen[face].mean()) if face.any() else float(seen.mean()), 0.01)
            self._gain = min((self._level / mean) ** s.automatic, _MOST_GAIN)
        seen = blurred(np.maximum(seen * self._gain, 0).astype(np.float32), s.nir_blur)
        noise = self._rng.standard_normal(seen.shape, dtype=np.float32)
        # Photons, and a floor of the sensor's own.
        seen = seen + noise * s.nir_noise * self._gain**0.5 * (0.35 + np.sqrt(seen))
        return cv2.pow(np.clip(seen, 0, 1), 1 / s.nir_gamma)
