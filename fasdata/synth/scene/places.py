"""Define the recording place and camera of each dataset, and the backdrop behind a face."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from fasdata.synth.scene.camera import Camera, Light, unit
from fasdata.synth.scene.fields import Array, blurred, fractal_noise, smoothstep

# -- Places and cameras of the datasets of videos: what makes them differ beyond their people -------------------------

Range = tuple[float, float]
Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Domain:
    """A scene (light, backdrop), a camera (optics, noise, tone) and the instruments in use there.

    `focal`, `size` (width, height) and `blur` in pixels, `distance` of the head in mm, `yaw` in degrees. `noise` is a
    standard deviation in roots of linear light. The pitches of dots and stripes are in pixels of the camera.

    `sheet_reach` is how far paper or screen goes from the middle of a life-size portrait, in mm; `dots`, `bands` and
    `moire` are how strongly the instruments of this place show them (1 = typical).
    """

    size: tuple[int, int]
    focal: float
    distance: Range
    yaw: float
    backdrop: str
    ambient: Colour
    key: Colour
    key_direction: Colour
    direction_jitter: float
    white_balance: Colour
    saturation: float
    blur: float
    sharpen: float
    gamma: float
    noise: float
    vignette: float
    sheet_reach: Range
    dot_pitch: Range
    dots: float
    bands: float
    stripe_pitch: Range
    moire: float
    glare_odds: float

    @property
    def camera(self) -> Camera:
        return Camera(self.focal, *self.size)

    def light(self, rng: np.random.Generator, dim: bool) -> Light:
        """Return the light of one clip; `dim` leaves less than half of the key light and turns it to the side."""
        ambient = np.array(self.ambient, np.float32) * float(rng.uniform(0.85, 1.15))
        tint = (1 + rng.normal(0, 0.03, 3)).astype(np.float32)
        key = np.array(self.key, np.float32) * tint * float(rng.uniform(0.85, 1.15))
        away = rng.normal(0, self.direction_jitter, 3) * (1, 0.6, 0.3)
        direction = np.array(self.key_direction) + away
        if dim:
            key, direction = key * 0.45, direction * (1.8, 1, 0.8)
        return Light(ambient, key, unit(direction))


DOMAINS = {
    # A living room: warm light from the side, a cheap camera that sharpens.
    "casia-fasd": Domain(
        size=(320, 240), focal=300, distance=(420, 540), yaw=16, backdrop="shelf",
        ambient=(0.30, 0.25, 0.19), key=(0.95, 0.78, 0.58), key_direction=(0.72, -0.35, 0.60), direction_jitter=0.30,
        white_balance=(0.98, 1.02, 1.12), saturation=1.2, blur=0.45, sharpen=0.7, gamma=2.2,
        noise=0.010, vignette=0.18,
        sheet_reach=(105, 180), dot_pitch=(1.2, 1.9), dots=1.1, bands=0.5,
        stripe_pitch=(0.84, 1.10), moire=1.2, glare_odds=0.3,
    ),
    # An office: dim and cool, a soft and noisy webcam.
    "replay-attack": Domain(
        size=(320, 240), focal=340, distance=(500, 640), yaw=12, backdrop="office",
        ambient=(0.24, 0.29, 0.36), key=(0.34, 0.38, 0.44), key_direction=(0.10, -0.75, 0.62), direction_jitter=0.30,
        white_balance=(1.04, 1.0, 0.97), saturation=0.85, blur=0.75, sharpen=0.2, gamma=2.0,
        noise=0.022, vignette=0.28,
        sheet_reach=(110, 185), dot_pitch=(1.1, 1.6), dots=0.7, bands=1.3,
        stripe_pitch=(0.90, 1.20), moire=0.9, glare_odds=0.7,
    ),
    # A phone outdoors: hard sun, a wide and clean picture.
    "oulu-npu": Domain(
        size=(480, 270), focal=360, distance=(440, 600), yaw=18, backdrop="outdoor",
        ambient=(0.40, 0.47, 0.58), key=(1.5, 1.42, 1.25), key_direction=(-0.62, -0.55, 0.52), direction_jitter=0.35,
        white_balance=(1.03, 1.0, 0.96), saturation=1.1, blur=0.65, sharpen=0.5, gamma=2.3,
        noise=0.005, vignette=0.05,
        sheet_reach=(115, 190), dot_pitch=(1.4, 2.1), dots=0.9, bands=0.8,
        stripe_pitch=(0.82, 1.06), moire=1.1, glare_odds=0.5,
    ),
    # A plain wall: neutral light, a decent laptop or phone camera.
    "msu-mfsd": Domain(
        size=(320, 240), focal=330, distance=(480, 600), yaw=12, backdrop="plain",
        ambient=(0.42, 0.42, 0.42), key=(0.75, 0.74, 0.72), key_direction=(-0.25, -0.45, 0.86), direction_jitter=0.25,
        white_balance=(1.0, 1.0, 1.0), saturation=1.0, blur=0.55, sharpen=0.0, gamma=2.2,
        noise=0.007, vignette=0.08,
        sheet_reach=(125, 195), dot_pitch=(1.1, 1.9), dots=0.7, bands=0.9,
        stripe_pitch=(0.84, 1.18), moire=0.7, glare_odds=0.6,
    ),
}  # fmt: skip


# -- Places and colour cameras of the multi-modal datasets, which are cropped to the face -----------------------------

CROP_DOMAINS = {
    "casia-surf": Domain(
        size=(160, 160), focal=430, distance=(470, 540), yaw=14, backdrop="office",
        ambient=(0.38, 0.40, 0.44), key=(0.55, 0.55, 0.56), key_direction=(0.15, -0.65, 0.72), direction_jitter=0.35,
        white_balance=(0.98, 1.0, 1.04), saturation=0.95, blur=0.6, sharpen=0.3, gamma=2.2,
        noise=0.010, vignette=0.03,
        sheet_reach=(100, 150), dot_pitch=(1.2, 1.9), dots=0.9, bands=0.8,
        stripe_pitch=(0.84, 1.15), moire=1.0, glare_odds=0.4,
    ),
    "casia-surf-cefa": Domain(
        size=(128, 128), focal=350, distance=(480, 560), yaw=16, backdrop="outdoor",
        ambient=(0.42, 0.46, 0.52), key=(1.0, 0.95, 0.86), key_direction=(-0.55, -0.45, 0.65), direction_jitter=0.40,
        white_balance=(1.04, 1.0, 0.95), saturation=1.1, blur=0.7, sharpen=0.6, gamma=2.3,
        noise=0.014, vignette=0.05,
        sheet_reach=(105, 160), dot_pitch=(1.3, 2.1), dots=1.0, bands=0.5,
        stripe_pitch=(0.88, 1.12), moire=1.1, glare_odds=0.5,
    ),
    "wmca": Domain(
        size=(128, 128), focal=285, distance=(450, 530), yaw=8, backdrop="plain",
        ambient=(0.36, 0.36, 0.36), key=(0.70, 0.70, 0.69), key_direction=(-0.20, -0.40, 0.88), direction_jitter=0.25,
        white_balance=(1.0, 1.0, 1.0), saturation=0.9, blur=0.5, sharpen=0.0, gamma=2.2,
        noise=0.008, vignette=0.04,
        sheet_reach=(95, 150), dot_pitch=(1.1, 1.7), dots=0.7, bands=1.0,
        stripe_pitch=(0.86, 1.20), moire=0.8, glare_odds=0.6,
    ),
    "padisi-face": Domain(
        size=(256, 320), focal=640, distance=(480, 560), yaw=7, backdrop="plain",
        ambient=(0.30, 0.29, 0.27), key=(0.85, 0.82, 0.76), key_direction=(0.40, -0.30, 0.84), direction_jitter=0.20,
        white_balance=(1.02, 1.0, 1.03), saturation=1.05, blur=0.9, sharpen=0.2, gamma=2.1,
        noise=0.012, vignette=0.06,
        sheet_reach=(110, 160), dot_pitch=(1.2, 1.8), dots=0.8, bands=0.7,
        stripe_pitch=(0.86, 1.16), moire=0.8, glare_odds=0.5,
    ),
}  # fmt: skip


# -- Backdrops --------------------------------------------------------------------------------------------------------

KINDS = ("plain", "shelf", "office", "outdoor")
_USUAL_SHARE = 0.6
_PANEL_SHARE = 0.6


def draw_kind(usual: str, rng: np.random.Generator) -> str:
    """Return the usual kind of backdrop of a place, sometimes any other: a backdrop must not give an attack away."""
    return usual if rng.random() < _USUAL_SHARE else KINDS[int(rng.integers(len(KINDS)))]


def draw_backdrop(kind: str, rng: np.random.Generator, height: int, width: int) -> Array:
    """Return the linear reflectance of a backdrop, HxWx3."""
    clouds = fractal_noise(rng, height, width, 60)[..., None]
    drawn = {"plain": _plain, "shelf": _shelf, "office": _office, "outdoor": _outdoor}[kind](rng, height, width, clouds)
    return np.clip(drawn, 0.005, 2).astype(np.float32)


def _muted(rng: np.random.Generator, low: float, high: float) -> Array:
    """Return a muted colour, as of walls and furniture: a grey with a little of a hue."""
    return (0.3 * rng.uniform(low, high, 3) + 0.7 * rng.uniform(low, high)).astype(np.float32)


def _plain(rng: np.random.Generator, height: int, width: int, clouds: Array) -> Array:
    x = np.linspace(-0.5, 0.5, width, dtype=np.float32)[None, :, None]
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    picture = np.ones((height, width, 3), np.float32) * _muted(rng, 0.25, 0.55)
    if rng.random() < _PANEL_SHARE:  # a door or a board: not every straight edge is that of an attack
        left, top = int(width * rng.uniform(0.1, 0.4)), int(height * rng.uniform(-0.1, 0.25))
        right, bottom = left + int(width * rng.uniform(0.35, 0.6)), int(height * rng.uniform(0.6, 1.1))
        panel, edge = ([float(c) for c in _muted(rng, 0.05, 0.7)] for _ in range(2))
        cv2.rectangle(picture, (left, top), (right, bottom), panel, -1)
        cv2.rectangle(picture, (left, top), (right, bottom), edge, int(rng.integers(1, 6)))
        picture = blurred(picture, 1.2)
    return picture * (1 + 0.15 * x - 0.12 * y + 0.03 * clouds)


def _shelf(rng: np.random.Generator, height: int, width: int, clouds: Array) -> Array:
    shelf = height // 5
    picture = np.ones((height, width, 3), np.float32) * _muted(rng, 0.12, 0.4)
    for _ in range(26 * width // 320):  # books
        left, floor = int(rng.integers(-20, width)), (int(rng.integers(0, 5)) + 1) * shelf
        wide, high = int(rng.integers(6, 26)), int(rng.integers(height // 9, shelf))
        colour = [float(c) for c in _muted(rng, 0.03, 0.5)]
        cv2.rectangle(picture, (left, floor - high), (left + wide, floor), colour, -1)
    for board in range(1, 6):
        cv2.line(picture, (0, board * shelf), (width, board * shelf), (0.05, 0.035, 0.02), 3)
    return blurred(picture, 1.6) * (1 + 0.05 * clouds)


def _office(rng: np.random.Generator, height: int, width: int, clouds: Array) -> Array:
    picture = np.ones((height, width, 3), np.float32) * np.array([0.16, 0.18, 0.20], np.float32)
    wide, top, bottom = int(width * 0.28), height // 24, int(height * 0.54)
    left = int(rng.integers(0, width - wide))
    picture[top:bottom, left : left + wide] = rng.uniform(0.5, 0.9) * np.array([0.8, 0.95, 1.1], np.float32)
    picture[top:bottom, left + wide // 2 - 2 : left + wide // 2 + 2] = 0.1
    picture[int(height * 0.7) :] *= 0.5  # a desk
    return blurred(picture, 3) * (1 + 0.08 * clouds)


def _outdoor(rng: np.random.Generator, height: int, width: int, clouds: Array) -> Array:
    leaves = fractal_noise(rng, height, width, 26, 4, 0.7)
    green = np.stack([0.22 + 0.08 * leaves, 0.30 + 0.11 * leaves, 0.12 + 0.06 * leaves], -1)
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    sky = smoothstep(0.45, 0.2, y + 0.12 * clouds[..., 0])[..., None]
    picture = green * (1 - sky) + sky * np.array([0.75, 0.88, 1.1], np.float32)
    return blurred(picture.astype(np.float32), 1.8)
