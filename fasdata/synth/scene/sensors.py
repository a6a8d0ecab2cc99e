"""Turn light into pixels: colour sensors, infrared cameras and depth cameras."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from fasdata.synth.scene.camera import Camera, Window
from fasdata.synth.scene.fields import Array, blurred, fractal_noise, generator
from fasdata.synth.scene.places import Domain

# -- Colour -----------------------------------------------------------------------------------------------------------

# The camera sets exposure, white balance and levels once a clip, on the face and what is close around it, as phones and
# webcams do. That makes brightness, colour and contrast alike for bona fide and attack clips: what tells them apart is
# structure, not a mean or a spread.


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


# -- The infrared and depth cameras of each multi-modal dataset -------------------------------------------------------

Range = tuple[float, float]


@dataclass(frozen=True)
class Sensing:
    """The infrared camera with its lamp, the depth camera, and the instruments as they look in infrared.

    Infrared: `lamp` is radiance at half a metre from a white wall, `spot` how much darker the corners are, `ambient`
    what the sun adds, `level` the range an automatic exposure aims at and `automatic` how far it gets (0 = fixed gain),
    `nir_noise` a standard deviation at white, `nir_blur` pixels, `nir_gamma` the tone curve. `skin` scales what skin
    sends back, `soft` is the share of it that comes from below the surface. `paper` and `screen` are reflectances,
    `ink` is how much of a print's contrast remains in infrared (carbon toner all, dyes next to nothing), `leak` how
    much of a screen's picture does.

    Depth: `depth_noise` in mm at half a metre (grows with the square of distance), `grain` the size of its blotches in
    pixels, `smooth` pixels, `step` mm of quantisation, `holes` the share lost at edges and on dark surfaces.
    """

    lamp: Range
    spot: float
    ambient: Range
    level: Range
    automatic: float
    nir_noise: float
    nir_blur: float
    nir_gamma: float
    skin: Range
    soft: Range
    paper: Range
    ink: Range
    screen: Range
    leak: Range
    depth_noise: Range
    grain: float
    smooth: float
    step: float
    holes: float


SENSING = {
    # A structured-light camera indoors: a strong lamp, a fixed gain, coarse blotches in depth. Prints by laser.
    "casia-surf": Sensing(
        lamp=(0.9, 1.5), spot=0.5, ambient=(0.0, 0.05), level=(0.30, 0.45), automatic=0.4,
        nir_noise=0.045, nir_blur=0.7, nir_gamma=1.6, skin=(0.85, 1.1), soft=(0.30, 0.50),
        paper=(0.45, 0.75), ink=(0.45, 1.0), screen=(0.05, 0.25), leak=(0.0, 0.3),
        depth_noise=(0.8, 2.0), grain=3.0, smooth=1.0, step=1.0, holes=0.5,
    ),
    # The same kind of camera outdoors too: sun beside the lamp, an automatic exposure. Prints on cloth.
    "casia-surf-cefa": Sensing(
        lamp=(0.5, 1.2), spot=0.4, ambient=(0.05, 0.5), level=(0.25, 0.55), automatic=0.85,
        nir_noise=0.07, nir_blur=0.9, nir_gamma=1.3, skin=(0.75, 1.15), soft=(0.45, 0.75),
        paper=(0.40, 0.80), ink=(0.30, 0.95), screen=(0.10, 0.40), leak=(0.1, 0.5),
        depth_noise=(1.5, 4.0), grain=4.0, smooth=1.6, step=2.0, holes=0.9,
    ),
    # A quiet room and a good mount; the release normalises each frame.
    "wmca": Sensing(
        lamp=(0.6, 1.0), spot=0.7, ambient=(0.0, 0.15), level=(0.30, 0.50), automatic=0.6,
        nir_noise=0.045, nir_blur=1.1, nir_gamma=1.0, skin=(0.8, 1.1), soft=(0.35, 0.60),
        paper=(0.45, 0.80), ink=(0.40, 1.0), screen=(0.08, 0.35), leak=(0.1, 0.5),
        depth_noise=(0.8, 2.2), grain=2.5, smooth=1.3, step=1.0, holes=0.7,
    ),
    # A bank of lamps and a fine sensor; stereo depth that is smooth and wavy.
    "padisi-face": Sensing(
        lamp=(0.7, 1.1), spot=0.5, ambient=(0.0, 0.1), level=(0.25, 0.50), automatic=0.7,
        nir_noise=0.04, nir_blur=1.2, nir_gamma=1.15, skin=(0.8, 1.15), soft=(0.25, 0.60),
        paper=(0.40, 0.75), ink=(0.40, 0.95), screen=(0.05, 0.2), leak=(0.0, 0.3),
        depth_noise=(1.2, 3.0), grain=9.0, smooth=3.0, step=0.5, holes=0.3,
    ),
}  # fmt: skip


# -- Infrared: a lamp beside the lens, and the picture of the returned light ------------------------------------------

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
        """Return the picture in [0, 1] of the returned light (`nir`, see `Layers`); `face` is the metered area."""
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


# -- Depth: millimetres with noise, steps and holes -------------------------------------------------------------------

_DEPTH_REFERENCE = 500.0  # mm
_FARTHEST = 6000.0
_EDGE = 25.0  # mm from a pixel to the next that may leave a hole
_DARK = 0.06  # infrared reflectance below which the camera's pattern is lost


class DepthCamera:
    """The depth camera of one clip."""

    def __init__(self, sensing: Sensing, rng: np.random.Generator) -> None:
        self._sensing, self._rng = sensing, rng
        self._noise = float(rng.uniform(*sensing.depth_noise))

    def measure(self, depth: Array, nir: Array) -> Array:
        """Return uint16 mm, 0 where nothing is measured; `nir` is the returned part of the camera's own light."""
        s, rng = self._sensing, self._rng
        height, width = depth.shape
        far = (depth / _DEPTH_REFERENCE) ** 2
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
