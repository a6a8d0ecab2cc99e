"""Templates: where five landmarks lie in an aligned chip, and the least-squares similarity that moves them there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

# -- Least-squares similarity between point sets ----------------------------------------------------------------------


RESIDUAL_LIMIT = 0.15  # of the eye distance: beyond it the five points are no plausible face


def fit(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the 2x3 matrix of rotation, uniform scale and translation that best maps `source` onto `target`.

    Points are (n, 2) with n >= 2. No reflection, no shear. Computed in float64 (Umeyama 1991, closed form in 2-D).

    Raises:
        ValueError: the source points coincide.
    """
    return matrix_of(*_solve(complex_points(source), complex_points(target)))


def fit_face(landmarks: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the similarity from five landmarks, or from the two eyes alone when the five do not fit a face.

    Where only the eyes are known (two rows, or NaN from the third on) they alone decide.

    Raises:
        ValueError: the landmarks coincide.
    """
    return matrix_of(*solve_face(complex_points(landmarks), complex_points(target)))


def solve_face(p: Sequence[complex], q: Sequence[complex]) -> tuple[complex, complex]:
    """Return the similarity of `fit_face` as complex numbers (turn, move): a point z goes to turn * z + move.

    In the plane a scaled rotation is a multiplication by a complex number, which least squares gives at once. A face is
    fitted for every image that is read, and numbers of Python's own are quicker than arrays of five.
    """
    if len(p) > 2 and not any(z != z for z in p):
        turn, move = _solve(p, q)
        residual = sum(abs(turn * a + move - b) for a, b in zip(p, q, strict=True)) / len(p)
        if residual <= RESIDUAL_LIMIT * abs(q[1] - q[0]):
            return turn, move
    return _solve(p[:2], q[:2])


def complex_points(points: Sequence[Sequence[float]] | np.ndarray) -> list[complex]:
    """Return points (n, 2) as complex numbers."""
    return [complex(x, y) for x, y in np.asarray(points, np.float64).reshape(-1, 2).tolist()]


def matrix_of(turn: complex, move: complex) -> np.ndarray:
    """Return the 2x3 matrix that does the same as turn * z + move."""
    return np.array([[turn.real, -turn.imag, move.real], [turn.imag, turn.real, move.imag]])


def apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return `points` (n, 2) mapped by a 2x3 matrix."""
    return np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]


def _solve(p: Sequence[complex], q: Sequence[complex]) -> tuple[complex, complex]:
    p_mean, q_mean = sum(p) / len(p), sum(q) / len(q)
    centred = [z - p_mean for z in p]
    spread = sum(z.real**2 + z.imag**2 for z in centred)
    if spread < 1e-12:
        raise ValueError("the source points coincide")
    turn = sum(a.conjugate() * (b - q_mean) for a, b in zip(centred, q, strict=True)) / spread
    return turn, q_mean - turn * p_mean


# -- Templates by name, in output pixels, pixel centres at integers ---------------------------------------------------


# Fractions of the side, in the order image-left eye, right eye, nose, left mouth corner, right mouth corner.
MXNET_X = (0.224152, 0.756101, 0.490127, 0.254149, 0.726104)
MXNET_Y = (0.211947, 0.211947, 0.628106, 0.780233, 0.780233)
MXNET_PADDING = 0.37
# Of our own template, fractions of the side.
EYE_DISTANCE, EYE_HEIGHT = 0.30, 0.40

# ArcFace's reference points for a 112 x 112 chip.
ARCFACE_112 = np.array(
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)]
)


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
