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
from fasdata.synth.fields import Array
from fasdata.synth.seeding import generator

_LEVELS = 4096
_NOISE_MARGIN = 64
# The metered area is pulled towards this colour; the skin's own colour keeps this much of its say.
_GREY_SKIN = np.array([0.24, 0.19, 0.165], np.float32)
_SKIN_KEPT = 0.3
_EXPOSURE = (0.16, 0.26)  # linear level
_CONTRAST = (0.17, 0.24)  # standard deviation of tones, 0-1
_CONTRAST_JITTER = 0.05  # of each channel, relative
_TINT = 0.05
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
        self._colour = np.eye(3, dtype=np.float32)
        self._tones = np.zeros(0, np.uint8)

    def meter(self, light: Array, windows: list[Window]) -> None:
        """Set white balance, exposure and levels on areas of a frame of linear light, each of equal weight."""
        d = self._domain
        mixing = np.eye(3) * d.saturation + (1 - d.saturation) / 3
        areas = [cv2.GaussianBlur((light * self._vignette)[w.slices], (0, 0), 1.0) for w in windows]
        samples = np.concatenate([cv2.resize(area, (48, 48), interpolation=cv2.INTER_AREA) for area in areas])
        samples = np.maximum(cv2.transform(samples, mixing.astype(np.float32)).reshape(-1, 3), 0)
        gains = self._aim / np.maximum(samples.mean(0), 1e-3)
        self._colour = (np.diag(gains) @ mixing).astype(np.float32)
        tones = np.clip(samples * gains, 0, 1) ** (1 / d.gamma)
        levels = np.minimum(self._aimed_spread / np.maximum(tones.std(0), 0.02), _MAX_LEVELS_GAIN)
        self._tones = _tone_curves(d.gamma, tones.mean(0), self._aim ** (1 / d.gamma), levels)

    def develop(self, light: Array) -> Array:
        """Return the picture of a frame of linear light, uint8."""
        d = self._domain
        exposed = cv2.transform(light * self._vignette, self._colour)
        exposed = cv2.GaussianBlur(exposed, (0, 0), d.blur)
        # Photons come at random: the spread grows with the root of light, so in root units it is the same everywhere.
        root = np.sqrt(np.maximum(exposed, 0))
        root += self._noise()
        root *= _LEVELS - 1
        index = np.clip(root, 0, _LEVELS - 1, out=root).astype(np.int32)
        index += np.array([0, _LEVELS, 2 * _LEVELS], np.int32)
        picture: Array = self._tones[index]
        if d.sharpen:
            soft = cv2.GaussianBlur(picture, (0, 0), 1.2)
            picture = cv2.addWeighted(picture, 1 + d.sharpen, soft, -d.sharpen, 0)
        return picture

    def _noise(self) -> Array:
        y, x = self._rng.integers(0, _NOISE_MARGIN, 2)
        height, width = self._shape
        return _noise_field(*self._shape, self._domain.noise)[y : y + height, x : x + width]


@cache
def _noise_field(height: int, width: int, sd: float) -> Array:
    rng = generator("sensor noise", height, width)
    field = rng.standard_normal((height + _NOISE_MARGIN, width + _NOISE_MARGIN, 3), dtype=np.float32)
    return field * sd


@cache
def _vignette(camera: Camera, amount: float) -> Array:
    x = np.linspace(-1, 1, camera.width, dtype=np.float32)[None, :, None]
    y = np.linspace(-1, 1, camera.height, dtype=np.float32)[:, None, None]
    return np.repeat(1 - amount * (x * x + y * y), 3, axis=2)


def _tone_curves(gamma: float, found: Array, aim: Array, gain: Array) -> Array:
    """Return the 8-bit tones of the roots of linear levels, the three channels after one another.

    Gamma first, then levels: the tone `found` goes to `aim`, and what lies around it is stretched by `gain`.
    """
    tones = np.linspace(0, 1, _LEVELS) ** (2 / gamma)
    curves = aim[:, None] + (tones[None] - found[:, None]) * gain[:, None]
    return (np.clip(curves, 0, 1) * 255 + 0.5).astype(np.uint8).ravel()
