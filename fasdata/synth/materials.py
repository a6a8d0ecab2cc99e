"""What heads are made of beyond colour: near-infrared reflectance and warmth over the grid of `headshape`."""

from __future__ import annotations

import numpy as np

from fasdata.synth.fields import Array, bump, fractal_noise, luminance, smoothstep
from fasdata.synth.headmaps import HeadMaps
from fasdata.synth.headshape import GRID, face_coordinates
from fasdata.synth.seeding import generator


def living(maps: HeadMaps) -> Array:
    """Return near-infrared reflectance and warmth (0-1) of a person, GRID x GRID x 2.

    Melanin hardly absorbs near infrared, so skins are alike there; hair, brows and pupils stay darker than skin.
    """
    who = maps.who
    ratio = luminance(np.ascontiguousarray(maps.open_eyes[..., :3])) / float(who.skin.mean())
    nir = (0.56 - 0.07 * who.tone) * np.clip(ratio, 0.02, 1.4) ** 0.22
    at = face_coordinates(who)
    uneven = 0.03 * fractal_noise(generator("warmth", who.texture_key), GRID, GRID, 60)
    nose = 0.10 * bump(at.x, at.y, 0, who.nose_length, 10, 12)
    warmth = 0.5 + 0.32 * smoothstep(0.25, 0.7, ratio) + uneven - nose
    return np.ascontiguousarray(np.stack([nir, warmth], -1), np.float32)
