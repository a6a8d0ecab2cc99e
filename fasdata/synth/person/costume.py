"""Put masks and glasses on a head, and set the infrared and thermal properties of skin and masks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from fasdata.synth.person.head import HeadMaps, surface_normals
from fasdata.synth.person.head_shape import GRID, FaceCoordinates, directions, face_coordinates
from fasdata.synth.person.identity import Identity
from fasdata.synth.scene.fields import Array, blurred, bump, fractal_noise, generator, luminance, ridge, smoothstep

# -- Materials: near-infrared reflectance and warmth over the grid of `head_shape.directions` -------------------------


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


# -- Costumes: masks, glasses, and whole artificial heads -------------------------------------------------------------

Zone = Literal["face", "lower", "eyes", "head"]


@dataclass(frozen=True)
class Costume:
    """A mask or glasses: its place, geometry in mm (`smooth` and `blur` in grid samples), looks in relative units.

    `opacity` is how much of the colour below it hides; `nir` and `warmth` are the ranges it is drawn from.
    """

    zone: Zone
    smooth: float
    thickness: float
    eye_holes: bool
    blur: float
    saturation: float
    tint: tuple[float, float, float]
    lift: float
    gloss: float
    nir: tuple[float, float]
    warmth: tuple[float, float]
    opacity: float = 1.0


COSTUMES = {
    "mask-rigid": Costume(
        "face", 2.0, 3.0, True, 1.4, 0.8, (0.97, 0.95, 0.92), 0.03, 0.42, (0.50, 0.80), (0.35, 0.6),
    ),
    "mask-silicone": Costume(
        "face", 1.4, 2.0, True, 0.9, 0.95, (1.04, 1.0, 0.98), 0.01, 0.30, (0.30, 0.60), (0.5, 0.7),
    ),
    "mask-paper": Costume(
        "face", 2.7, 4.0, False, 1.6, 0.75, (0.95, 0.95, 0.97), 0.05, 0.06, (0.60, 0.90), (0.35, 0.6),
    ),
    "mask-transparent": Costume(
        "face", 2.0, 3.0, True, 1.0, 0.9, (1.0, 1.0, 1.0), 0.04, 0.60, (0.45, 0.65), (0.35, 0.6), 0.4
    ),
    "mask-half": Costume(
        "lower", 2.4, 6.0, False, 1.8, 0.6, (0.85, 0.9, 1.0), 0.05, 0.15, (0.45, 0.85), (0.35, 0.6),
    ),
    "glasses-funny": Costume(
        "eyes", 4.0, 9.0, False, 0.8, 1.2, (1.1, 1.05, 1.0), 0.10, 0.50, (0.15, 0.80), (0.25, 0.4),
    ),
    "glasses-paper": Costume(
        "eyes", 6.0, 7.0, False, 0.8, 0.7, (0.95, 0.95, 0.95), 0.06, 0.05, (0.60, 0.90), (0.25, 0.4),
    ),
    "mannequin": Costume(
        "head", 1.6, 0.0, False, 1.3, 0.7, (1.05, 1.0, 0.95), 0.05, 0.45, (0.40, 0.85), (0.18, 0.3),
    ),
}  # fmt: skip


def put_on(maps: HeadMaps, materials: Array, costume: Costume, rng: np.random.Generator) -> tuple[HeadMaps, Array]:
    """Return the maps and the materials (see `living`) of a head with a costume."""
    who, at = maps.who, face_coordinates(maps.who)
    zone = _zone(costume.zone, who, at)
    if costume.eye_holes:
        holes = np.sqrt(((at.side - who.half_interocular) / 15) ** 2 + ((at.y - who.eye_y) / 7) ** 2)
        zone = zone * smoothstep(0.9, 1.1, holes)
    zone = zone.astype(np.float32)
    worn = blurred(maps.distance, costume.smooth) + costume.thickness / at.radius
    distance = np.ascontiguousarray(maps.distance + (worn - maps.distance) * zone, np.float32)
    points = directions() * distance[..., None] * maps.semi_axes
    normals = np.concatenate([surface_normals(points), maps.normals[..., 3:]], -1)
    rim = 0.5 * ridge(zone, 0.5, 0.15) if costume.zone != "head" else np.zeros_like(zone)
    open_eyes = _painted(maps.open_eyes, maps.open_eyes, zone, rim, costume)
    # Where the costume shows eyes, they do not blink.
    closed_eyes = _painted(maps.closed_eyes, maps.open_eyes, zone, rim, costume)
    own = np.array([rng.uniform(*costume.nir), rng.uniform(*costume.warmth)], np.float32)
    mixed = materials + (own - materials) * (zone * max(costume.opacity, 0.6))[..., None]
    pack = np.ascontiguousarray
    dressed = replace(
        maps, distance=distance, normals=pack(normals, np.float32), open_eyes=open_eyes, closed_eyes=closed_eyes
    )
    return dressed, pack(mixed, np.float32)


def _zone(zone: Zone, who: Identity, at: FaceCoordinates) -> Array:
    """Return 1 where the costume lies, falling to 0 at its edge."""
    if zone == "head":
        return np.ones_like(at.x)
    if zone == "eyes":
        e, ey = who.half_interocular, who.eye_y + 2
        lenses = smoothstep(1.05, 0.95, np.sqrt(((at.side - e) / 25) ** 2 + ((at.y - ey) / 22) ** 2))
        bridge = smoothstep(6, 4, np.abs(at.y - ey)) * smoothstep(e, e - 3, at.side)
        return np.maximum(lenses, bridge) * at.front
    oval = smoothstep(0.78, 0.72, np.sqrt((at.x / 74) ** 2 + ((at.y - 8) / 112) ** 2)) * at.front
    return oval * smoothstep(12, 18, at.y) if zone == "lower" else oval


def _painted(colours: Array, shown: Array, zone: Array, rim: Array, costume: Costume) -> Array:
    """Return the four colour channels with the costume's picture of a face (`shown`) over them."""
    base = blurred(np.ascontiguousarray(shown[..., :3]), costume.blur)
    grey = luminance(base)[..., None]
    base = (grey + (base - grey) * costume.saturation) * np.array(costume.tint, np.float32) + costume.lift
    painted = colours.copy()
    painted[..., :3] += (base - painted[..., :3]) * (zone * costume.opacity)[..., None]
    painted[..., :3] *= (1 - rim)[..., None]
    painted[..., 3] += (costume.gloss - painted[..., 3]) * zone
    return np.ascontiguousarray(painted, np.float32)
