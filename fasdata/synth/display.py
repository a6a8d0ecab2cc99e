"""A portrait shown on a screen.

A screen glows by itself (so it hardly depends on the scene's light), has red, green and blue stripes whose pitch beats
with the camera's pixels (moire, coloured because the three stripes have different phases), flickers against the
shutter, mirrors a lamp now and then, and has a frame, black or silver.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from fasdata.synth.domains import Domain
from fasdata.synth.fields import Array, bump
from fasdata.synth.light import Light
from fasdata.synth.sheet import SheetView, waves

_STRIPE_PHASES = (0.0, 1 / 3, 2 / 3)
_FRAME = (float(np.log(0.03)), float(np.log(0.5)))  # reflectance


@dataclass(frozen=True)
class Display:
    """How one screen looks; the pitch in camera pixels, the rest as relative strengths."""

    gain: float
    gamma: float
    cast: Array
    pitch: float
    angle: float
    moire: float
    flicker: float
    glare: float
    glare_at: tuple[float, float]
    glare_size: float
    frame: float

    @classmethod
    def draw(cls, rng: np.random.Generator, domain: Domain, strength: float) -> Display:
        """Return one of a domain's screens; `strength` scales every artefact."""
        return cls(
            gain=float(rng.uniform(0.9, 1.5)),
            gamma=float(rng.uniform(1.1, 1.6)),
            cast=np.array([rng.uniform(0.88, 1), 1, rng.uniform(1.0, 1.14)], np.float32),
            pitch=float(rng.uniform(*domain.stripe_pitch)),
            angle=float(rng.normal(0, 0.06)),
            moire=float(rng.uniform(0.08, 0.18)) * strength * domain.moire,
            flicker=float(rng.uniform(0, 0.04)) * strength,
            glare=float(rng.uniform(0.1, 0.4) * (rng.random() < domain.glare_odds)) * strength,
            glare_at=(float(rng.uniform(-70, 70)), float(rng.uniform(-90, 60))),
            glare_size=float(rng.uniform(10, 28)),
            frame=float(np.exp(rng.uniform(*_FRAME))),
        )

    def radiance(self, picture: Array, photo_area: Array, view: SheetView, light: Light, frame: int) -> Array:
        """Return the light of a shown `picture` (sampled at the view) in frame `frame`; the frame outside the photo."""
        glow = cv2.pow(picture, self.gamma) * (self.cast * (self.gain * 0.48 * light.level))
        c, s = float(np.cos(self.angle)), float(np.sin(self.angle))
        per_stripe = 1 / (view.footprint * self.pitch)
        across, down = (view.x * c + view.y * s) * per_stripe, (view.y * c - view.x * s) * per_stripe
        rows = 1 + self.moire * 0.6 * waves(down)
        scan = np.arange(view.window.y0, view.window.y1, dtype=np.float32) * (1.7 / 240) + frame * 0.37
        rows = rows * (1 + self.flicker * waves(scan))[:, None]
        lamp = self.glare * bump(view.x, view.y, *self.glare_at, self.glare_size, self.glare_size * 1.6)
        radiance = np.empty_like(glow)
        for k, phase in enumerate(_STRIPE_PHASES):
            shown = glow[..., k] * rows * (1 + self.moire * waves(across + phase)) + lamp * float(light.key[k])
            rim = self.frame * float(light.ambient[k] + 0.5 * light.key[k])
            radiance[..., k] = rim + (shown - rim) * photo_area
        return radiance
