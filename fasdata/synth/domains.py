"""One recording place and camera for each dataset: what makes the datasets differ beyond their people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fasdata.synth.camera import Camera, unit
from fasdata.synth.light import Light

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
