"""Shape a head: a star-shaped surface, as the distance from its centre in every direction.

Space is divided by the head's semi-axes, so that a direction q is a unit vector. Directions are laid on a square grid
by stereographic projection, s = qx / (1 + qz) and t = qy / (1 + qz), which needs no trigonometry to look up. Features
are Gaussian bumps in mm, placed at the (x, y) in mm where the plain head would be seen from the front.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from fasdata.synth.person.identity import Identity
from fasdata.synth.scene.fields import Array, bump, ridge, smoothstep

GRID = 256  # samples a side: about 1.2 a mm on the face, finer than any camera here sees
HALF_RANGE = 1.35  # the face ends at 1, the ears a little beyond
EAR_HEIGHT = 24.0


@cache
def directions() -> Array:
    """Return the unit vectors of the grid, GRID x GRID x 3; +z looks out of the face."""
    line = (np.arange(GRID, dtype=np.float32) + 0.5) / GRID * 2 * HALF_RANGE - HALF_RANGE
    s, t = np.meshgrid(line, line)
    k = 1 + s * s + t * t
    return np.stack([2 * s / k, 2 * t / k, 2 / k - 1], -1).astype(np.float32)


@dataclass(frozen=True)
class FaceCoordinates:
    """The position of each grid sample on the plain head in mm from the front, and how much it belongs to the face."""

    x: Array
    y: Array
    side: Array  # |x|: faces are made symmetric
    qx: Array
    qz: Array
    front: Array  # 1 on the face, 0 at the back of the head
    plain: Array  # distance of the plain head, in units of the semi-axes
    radius: Array  # the same in mm


def face_coordinates(who: Identity) -> FaceCoordinates:
    """Return the coordinates of the plain head: a super-ellipsoid, a little squarer than an ellipsoid."""
    q = directions()
    qx, qy, qz = q[..., 0], q[..., 1], q[..., 2]
    a, b, c = who.semi_axes
    p = who.squareness
    profile = (np.abs(qy) ** p + np.abs(qz) ** p) ** (1 / p)
    plain = 1 / np.sqrt(qx**2 + profile**2)
    x, y, z = plain * qx * a, plain * qy * b, plain * qz * c
    radius = np.sqrt(x * x + y * y + z * z)
    return FaceCoordinates(x, y, np.abs(x), qx, qz, smoothstep(-0.05, 0.25, qz), plain, radius)


@dataclass(frozen=True)
class Relief:
    """Heights in mm over the plain head, and the two of them that colour depends on too."""

    height: Array
    folds: Array
    ears: Array


def relief(who: Identity, at: FaceCoordinates) -> Relief:
    """Return the features of a face as heights over the plain head."""
    folds = _folds(who, at)
    features = _nose(who, at) + _eyes(who, at) + _cheeks(who, at) + _mouth(who, at) + folds
    jaw = who.jaw * bump(at.side, at.y, 52, 70, 12, 22)
    ears = EAR_HEIGHT * bump(at.qz, at.y, -0.06, 6, 0.10, 16) * smoothstep(0.55, 0.85, np.abs(at.qx))
    ear_pits = -7 * bump(at.qz, at.y, 0.02, 8, 0.04, 8) * smoothstep(0.6, 0.9, np.abs(at.qx))
    return Relief(at.front * features + jaw + ears + ear_pits, folds, ears)


def _nose(who: Identity, at: FaceCoordinates) -> Array:
    tip = who.nose_length
    along = np.clip((at.y + 6) / (tip + 6), 0, 1)
    height = 3 + (who.nose_height - 3) * along**1.25
    height = height * smoothstep(-26, 0, at.y) * (1 - smoothstep(tip + 1, tip + 11, at.y))
    width = 5.5 + (who.nose_width - 5.5) * along
    bridge = height * np.exp(-0.5 * np.abs(at.x / width) ** 2.3)
    wings = 6.5 * bump(at.side, at.y, who.nose_width + 2, tip + 1.5, 5.5, 5.5)
    return bridge + 5 * bump(at.x, at.y, 0, tip - 2, 8, 7) + wings


def _eyes(who: Identity, at: FaceCoordinates) -> Array:
    e, ey = who.half_interocular, who.eye_y
    sockets = -8.5 * bump(at.side, at.y, e - 2, ey - 3, 14, 9)
    balls = 6.0 * bump(at.side, at.y, e, ey, 10.5, 7)
    return sockets + balls + 4.5 * bump(at.side, at.y, 22, who.brow_y - 2, 19, 7)


def _cheeks(who: Identity, at: FaceCoordinates) -> Array:
    return who.cheek * bump(at.side, at.y, 40, 26, 14, 14) - 2.5 * bump(at.side, at.y, 44, 56, 12, 14)


def _mouth(who: Identity, at: FaceCoordinates) -> Array:
    my = who.mouth_y
    upper = 3.4 * ridge(at.y, my - who.upper_lip * 0.5, 3)
    lower = 4.4 * ridge(at.y, my + who.lower_lip * 0.5, 3.8)
    lips = np.sqrt(lip_span(who, at)) * (upper + lower - 3.2 * ridge(at.y, my, 1.5))
    muzzle = 4 * bump(at.x, at.y, 0, my, 25, 17)
    below_lip = -3.2 * bump(at.x, at.y, 0, my + who.lower_lip + 6, 16, 4)
    philtrum = -1.0 * bump(at.x, at.y, 0, my - 13, 2.6, 5)
    return lips + muzzle + below_lip + philtrum + who.chin * bump(at.x, at.y, 0, my + 29, 15, 10)


def _folds(who: Identity, at: FaceCoordinates) -> Array:
    tip, my = who.nose_length, who.mouth_y
    line = ridge(at.side, 17 + 0.45 * (at.y - tip), 3)
    return -1.6 * line * smoothstep(tip - 8, tip + 6, at.y) * (1 - smoothstep(my, my + 10, at.y))


def lip_span(who: Identity, at: FaceCoordinates) -> Array:
    """Return 1 in the middle of the mouth falling to 0 at its corners."""
    return np.clip(1 - (at.x / who.mouth_width) ** 2, 0, 1)
