"""Templates: where five landmarks lie in an aligned chip, and the least-squares similarity that moves them there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fasdata.five_points import ARCFACE_112, complex_points, similarity

# -- Least-squares similarity between point sets ----------------------------------------------------------------------


def fit(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the 2x3 matrix of rotation, uniform scale and translation that best maps `source` onto `target`.

    Points are (n, 2) with n >= 2. No reflection, no shear. Computed in float64.

    Raises:
        ValueError: the source points coincide.
    """
    return matrix_of(*similarity(complex_points(source), complex_points(target)))


def solve_face(p: Sequence[complex], q: Sequence[complex]) -> tuple[complex, complex]:
    """Return the similarity (turn, move) that maps a face's landmarks `p` onto the template `q`: z to turn * z + move.

    All five points where they are known, however badly they fit: a head that turns must not jump. Where only the eyes
    are known (two points, or NaN from the third on) they alone decide.

    Raises:
        ValueError: the landmarks coincide.
    """
    if len(p) == len(q) and not any(z != z for z in p):
        return similarity(p, q)
    return similarity(p[:2], q[:2])


def matrix_of(turn: complex, move: complex) -> np.ndarray:
    """Return the 2x3 matrix that does the same as turn * z + move."""
    return np.array([[turn.real, -turn.imag, move.real], [turn.imag, turn.real, move.imag]])


def apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return `points` (n, 2) mapped by a 2x3 matrix."""
    return np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]


# -- Templates by name, in output pixels, pixel centres at integers ---------------------------------------------------


# Fractions of the side, in the order image-left eye, right eye, nose, left mouth corner, right mouth corner.
MXNET_X = (0.224152, 0.756101, 0.490127, 0.254149, 0.726104)
MXNET_Y = (0.211947, 0.211947, 0.628106, 0.780233, 0.780233)
MXNET_PADDING = 0.37
# Of our own template, fractions of the side.
EYE_DISTANCE, EYE_HEIGHT = 0.30, 0.40


@dataclass(frozen=True)
class Template:
    """Target points (5, 2) for a chip of side `size`.

    With `eyes_at` the fit gives only rotation and scale, and the mid-point of the eyes is put at these fractions.
    """

    points: Callable[[int], np.ndarray]
    size: int
    eyes_at: tuple[float, float] | None = None


def mxnet_points(size: int) -> np.ndarray:
    """Return the points of the widely used MTCNN chip wrapper, padded by 0.37 on each side."""
    points = np.stack([np.array(MXNET_X), np.array(MXNET_Y)], axis=1)
    return (MXNET_PADDING + points) / (2 * MXNET_PADDING + 1) * size


def arcface_points(size: int) -> np.ndarray:
    """Return ArcFace's points; multiples of 128 use the 128 layout, whose points are moved 8 pixels to the right."""
    if size % 128 == 0:
        return (ARCFACE_112 + np.array([8.0, 0.0])) * (size / 128)
    return ARCFACE_112 * (size / 112)


def fas_points(size: int, eye_distance: float = EYE_DISTANCE, eye_height: float = EYE_HEIGHT) -> np.ndarray:
    """Return ArcFace's shape with the context anti-spoofing needs: eye distance and height as fractions of the side."""
    left, right = ARCFACE_112[0], ARCFACE_112[1]
    scale = eye_distance * size / np.linalg.norm(right - left)
    return (ARCFACE_112 - (left + right) / 2) * scale + np.array([0.5, eye_height]) * size


TEMPLATES = {
    "mxnet-256": Template(mxnet_points, 256, eyes_at=(0.5, 0.4)),
    "fas-256": Template(fas_points, 256),
    "arcface-112": Template(arcface_points, 112),
}
