"""Least-squares similarity between point sets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

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
    """Return what `fit_face` finds as the complex numbers (turn, move): a point z goes to turn * z + move.

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
    """Return the 2x3 matrix that does as turn * z + move does."""
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
