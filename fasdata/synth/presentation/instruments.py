"""Render a portrait as an attack instrument: printed on paper, or shown on a screen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from fasdata.synth.presentation.sheet import SheetView, waves
from fasdata.synth.scene.camera import Light
from fasdata.synth.scene.fields import Array, bump, fractal_noise, generator, luminance, sample
from fasdata.synth.scene.places import Domain

# -- Prints -----------------------------------------------------------------------------------------------------------

# Ink on paper has a narrow range (black is grey, colours are dull), is laid down in dots and in passes of a print head,
# and the paper has fibres and a surface that reflects. The dots are about as fine as the camera's pixels, so that what
# is seen of them is their beat with the pixel grid.


PAPER_WHITE = 0.72


@dataclass(frozen=True)
class Print:
    """The looks of a print; pitches in camera pixels and mm, strengths as relative modulation."""

    black: float
    saturation: float
    gamma: float
    cast: Array
    dot_pitch: float
    dot_angle: float
    dot_strength: float
    fibre: float
    band_pitch: float
    band_strength: float
    gloss: float

    @classmethod
    def draw(cls, rng: np.random.Generator, domain: Domain, strength: float) -> Print:
        """Return one of a domain's prints; `strength` scales every artefact."""
        return cls(
            black=float(rng.uniform(0.005, 0.02)),
            saturation=float(rng.uniform(0.9, 1.15)),
            gamma=float(rng.uniform(1.2, 1.6)),
            cast=np.array([rng.uniform(0.93, 1.05), 1, rng.uniform(0.92, 1.06)], np.float32),
            dot_pitch=float(rng.uniform(*domain.dot_pitch)),
            dot_angle=float(rng.uniform(0.2, 1.2)),
            dot_strength=float(rng.uniform(0.07, 0.16)) * strength * domain.dots,
            fibre=float(rng.uniform(0.02, 0.05)) * strength,
            band_pitch=float(rng.uniform(5.0, 9.0)),
            band_strength=float(rng.uniform(0.03, 0.08)) * strength * domain.bands,
            gloss=float(rng.uniform(0.0, 0.25)),
        )

    def radiance(self, picture: Array, photo_area: Array, view: SheetView, light: Light, frame: int) -> Array:
        """Return the light a printed `picture` (sampled at the view) sends back; white outside the photo.

        Paper is the same in every frame: `frame` is there because a screen is not.
        """
        grey = luminance(picture)
        inked = grey[..., None] + (picture - grey[..., None]) * self.saturation
        inked = self.black + (PAPER_WHITE - self.black) * cv2.pow(np.maximum(inked, 0), self.gamma) * self.cast
        c, s = float(np.cos(self.dot_angle)), float(np.sin(self.dot_angle))
        per_dot = 1 / (view.footprint * self.dot_pitch)
        dots = waves((view.x * c + view.y * s) * per_dot) * waves((view.y * c - view.x * s) * per_dot)
        texture = 1 + self.dot_strength * dots * (1.2 - grey) + self.fibre * _fibres(view)
        texture *= 1 + self.band_strength * waves(view.y / self.band_pitch)
        inked *= texture[..., None]
        inked = PAPER_WHITE + (inked - PAPER_WHITE) * photo_area[..., None]
        lit = np.asarray(view.facing(light.direction), np.float32)[..., None] * light.key + 0.75 * light.ambient
        shine = np.asarray(self.gloss * 0.5 * view.gloss(light, 40.0), np.float32)[..., None]
        return inked * lit + shine * light.key


@cache
def _fibre_field() -> Array:
    return fractal_noise(generator("paper fibres"), 320, 320, 3, 2)


def _fibres(view: SheetView) -> Array:
    """Return unit noise fixed to the paper, one sample per mm."""
    return sample(_fibre_field(), view.x + 160, view.y + 160)


# -- Displays ---------------------------------------------------------------------------------------------------------

# A screen glows by itself (so it hardly depends on the scene's light), has red, green and blue stripes whose pitch
# beats with the camera's pixels (moire, coloured because the three stripes have different phases), flickers against the
# shutter, mirrors a lamp now and then, and has a frame, black or silver.


_STRIPE_PHASES = (0.0, 1 / 3, 2 / 3)
_FRAME = (float(np.log(0.03)), float(np.log(0.5)))  # reflectance


@dataclass(frozen=True)
class Display:
    """The looks of a screen; the pitch in camera pixels, the others as relative strengths."""

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
