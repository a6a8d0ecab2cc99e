"""Draw a synthetic person: the measures of the head and the colours of skin, hair and eyes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fasdata.synth.scene.fields import generator

# Linear reflectances (red, green, blue). A skin lies between the two ends in log space, as melanin absorbs.
_SKIN_LIGHT = np.log(np.array([0.74, 0.52, 0.41]))
_SKIN_DARK = np.log(np.array([0.20, 0.115, 0.075]))
_HAIR = ((0.018, 0.014, 0.012), (0.05, 0.03, 0.02), (0.11, 0.065, 0.035), (0.27, 0.18, 0.09), (0.33, 0.32, 0.31))
_HAIR_ODDS_LIGHT = (0.38, 0.28, 0.16, 0.10, 0.08)
_HAIR_ODDS_DARK = (0.80, 0.15, 0.0, 0.0, 0.05)
_IRIS = ((0.05, 0.03, 0.018), (0.11, 0.06, 0.03), (0.13, 0.17, 0.22), (0.12, 0.15, 0.09))
_IRIS_ODDS = (0.40, 0.30, 0.18, 0.12)

SHORT, LONG, MEDIUM, BALD = range(4)
_HAIR_STYLE_ODDS = (0.42, 0.28, 0.20, 0.10)
_BEARDS = (0.0, 0.0, 0.0, 0.35, 0.75)
_GLASSES_SHARE = 0.15


@dataclass(frozen=True)
class Identity:
    """One person. Lengths in mm in the head's frame: origin between the eyes' depth, x right, y down, z to the camera.

    Colours are linear reflectances. `texture_key` seeds everything drawn on the skin.
    """

    texture_key: str
    semi_axes: tuple[float, float, float]
    squareness: float
    half_interocular: float
    eye_y: float
    eye_width: float
    eye_above: float
    eye_below: float
    brow_y: float
    brow_arch: float
    brow_thickness: float
    brow_length: float
    nose_length: float
    nose_width: float
    nose_height: float
    mouth_y: float
    mouth_width: float
    upper_lip: float
    lower_lip: float
    cheek: float
    jaw: float
    chin: float
    hairline: float
    hair_style: int
    beard: float
    glasses: bool
    tone: float
    skin: np.ndarray
    hair: np.ndarray
    iris: np.ndarray
    shirt: np.ndarray


def draw_identity(*key: object) -> Identity:
    """Return the person of `key`; the same key gives the same person everywhere."""
    rng = generator("identity", *key)

    def around(mean: float, sd: float) -> float:
        return mean + sd * float(np.clip(rng.normal(), -2, 2))

    def pick(options: tuple[tuple[float, ...], ...], odds: tuple[float, ...]) -> np.ndarray:
        return np.asarray(options[int(rng.choice(len(options), p=odds))], np.float32)

    tone = float(rng.beta(1.1, 1.7))
    skin = np.exp(_SKIN_LIGHT * (1 - tone) + _SKIN_DARK * tone) * (1 + rng.normal(0, 0.035, 3))
    return Identity(
        texture_key="/".join(map(str, key)),
        semi_axes=(around(75, 3), around(113, 4), around(97, 3)),
        squareness=around(2.65, 0.12),
        half_interocular=around(31.5, 1.6),
        eye_y=around(0, 1.2),
        eye_width=around(14.3, 0.9),
        eye_above=around(6.0, 0.7),
        eye_below=around(4.8, 0.4),
        brow_y=around(-20, 1.6),
        brow_arch=around(3, 1.2),
        brow_thickness=around(3.4, 0.7),
        brow_length=around(17, 1.2),
        nose_length=around(40, 2.2),
        nose_width=around(11, 1.3),
        nose_height=around(20, 2.6),
        mouth_y=around(66, 2.2),
        mouth_width=around(24.5, 2.0),
        upper_lip=around(6.5, 1.3),
        lower_lip=around(8.8, 1.4),
        cheek=around(3.5, 1.5),
        jaw=around(0, 3),
        chin=around(5, 1.6),
        hairline=around(-64, 7),
        hair_style=int(rng.choice(4, p=_HAIR_STYLE_ODDS)),
        beard=float(rng.choice(_BEARDS)),
        glasses=bool(rng.random() < _GLASSES_SHARE),
        tone=tone,
        skin=skin.astype(np.float32),
        hair=pick(_HAIR, _HAIR_ODDS_LIGHT if tone < 0.55 else _HAIR_ODDS_DARK),
        iris=pick(_IRIS, _IRIS_ODDS) if tone < 0.5 else np.asarray(_IRIS[0], np.float32),
        shirt=rng.uniform(0.03, 0.6, 3).astype(np.float32),
    )
