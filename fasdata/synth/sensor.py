"""From the light that reaches a camera to the pixels it writes.

The camera sets exposure, white balance and levels once a clip, on the face and what is close around it, as phones and
webcams do. That makes brightness, colour and contrast alike for bona fide and attack clips: what tells them apart is
structure, not a mean or a spread.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from fasdata.synth.camera import Camera, Window
from fasdata.synth.domains import Domain
from fasdata.synth.fields import Array, blurred
from fasdata.synth.seeding import generator

_NOISE_MARGIN = 64
# The metered area is pulled towards this colour; the skin's own colour keeps this much of its say.
_GREY_SKIN = np.array([0.24, 0.19, 0.165], np.float32)
_SKIN_KEPT = 0.3
_EXPOSURE = (0.16, 0.26)  # linear level
_CONTRAST = (0.17, 0.24)  # standard deviation of tones, 0-1
_CONTRAST_JITTER = 0.05  # of each channel, relative
_TINT = 0.05
# No two clips are in the same focus or at the same gain, so neither softness nor grain alone tells an attack.
_DEFOCUS = (0.0, 0.9)  # pixels
_NOISE_FACTOR = (0.6, 1.8)
_MAX_LEVELS_GAIN = 2.5


class Sensor:
    """The camera of one clip. `meter` sets it on the first frame, `develop` makes pictures."""

    def __init__(self, domain: Domain, rng: np.random.Generator, skin: Array) -> None:
        self._domain, self._rng = domain, rng
        camera = domain.camera
        self._shape = (camera.height, camera.width)
        self._vignette = _vignette(camera, domain.vignette)
        tint = np.exp(rng.normal(0, _TINT, 3)) * np.array(domain.white_balance)
        aim = _GREY_SKIN ** (1 - _SKIN_KEPT) * skin**_SKIN_KEPT
        self._aim = aim / aim.mean() * tint * float(rng.uniform(*_EXPOSURE))
        self._aimed_spread = float(rng.uniform(*_CONTRAST)) * np.exp(rng.normal(0, _CONTRAST_JITTER, 3))
        self._blur = float(np.hypot(domain.blur, rng.uniform(*_DEFOCUS)))
        self._grain = float(rng.uniform(*_NOISE_FACTOR)) * domain.noise
        self._colour = np.eye(3, dtype=np.float32)
        self._levels = np.hstack([255 * np.eye(3), np.zeros((3, 1))]).astype(np.float32)

    def meter(self, light: Array, windows: list[Window]) -> None:
        """Set white balance, exposure and levels on areas of a frame of linear light, each of equal weight."""
        d = self._domain
        mixing = np.eye(3) * d.saturation + (1 - d.saturation) / 3
        areas = [blurred((light * self._vignette)[w.slices], 1.0) for w in windows]
        samples = np.concatenate([cv2.resize(area, (48, 48), interpolation=cv2.INTER_AREA) for area in areas])
        samples = np.maximum(cv2.transform(samples, mixing.astype(np.float32)).reshape(-1, 3), 0)
        gains = self._aim / np.maximum(samples.mean(0), 1e-3)
        self._colour = (np.diag(gains) @ mixing).astype(np.float32)
        tones = np.clip(samples * gains, 0, 1) ** (1 / d.gamma)
        levels = np.minimum(self._aimed_spread / np.maximum(tones.std(0), 0.02), _MAX_LEVELS_GAIN)
        offset = self._aim ** (1 / d.gamma) - levels * tones.mean(0)
        self._levels = (255 * np.column_stack([np.diag(levels), offset])).astype(np.float32)

    def develop(self, light: Array) -> Array:
        """Return the picture of a frame of linear light, uint8."""
        d = self._domain
        exposed = cv2.transform(light * self._vignette, self._colour)
        exposed = blurred(exposed, self._blur)
        tones = cv2.pow(np.maximum(exposed, 0), 1 / d.gamma)
        # Photons come at random: their spread grows with the root of light, so among tones it is the same everywhere.
        tones = cv2.addWeighted(tones, 1.0, self._noise(), self._grain, 0.0)
        tones = cv2.transform(tones, self._levels)
        picture: Array = cv2.addWeighted(tones, 1.0, tones, 0.0, 0.0, dtype=cv2.CV_8U)  # rounds and saturates
        if d.sharpen:
            soft = blurred(picture, 1.2)
            picture = cv2.addWeighted(picture, 1 + d.sharpen, soft, -d.sharpen, 0)
        return picture

    def _noise(self) -> Array:
        y, x = self._rng.integers(0, _NOISE_MARGIN, 2)
        height, width = self._shape
        return _noise_field(*self._shape)[y : y + height, x : x + width]


@cache
def _noise_field(height: int, width: int) -> Array:
    rng = generator("sensor noise", height, width)
    return rng.standard_normal((height + _NOISE_MARGIN, width + _NOISE_MARGIN, 3), dtype=np.float32)


@cache
def _vignette(camera: Camera, amount: float) -> Array:
    x = np.linspace(-1, 1, camera.width, dtype=np.float32)[None, :, None]
    y = np.linspace(-1, 1, camera.height, dtype=np.float32)[:, None, None]
    return np.repeat(1 - amount * (x * x + y * y), 3, axis=2)
