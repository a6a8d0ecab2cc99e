"""Least-squares similarity between point sets."""

from __future__ import annotations

import numpy as np

RESIDUAL_LIMIT = 0.15  # of the eye distance: beyond it the five points are no plausible face


def fit(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the 2x3 matrix of rotation, uniform scale and translation that best maps `source` onto `target`.

    Points are (n, 2) with n >= 2. No reflection, no shear. Computed in float64 (Umeyama 1991, closed form in 2-D).

    Raises:
        ValueError: the source points coincide.
    """
    return _matrix(*_solve(_complex(source), _complex(target)))


def fit_face(landmarks: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the similarity from five landmarks, or from the two eyes alone when the five do not fit a face.

    Where only the eyes are known (two rows, or NaN from the third on) they alone decide.

    Raises:
        ValueError: the landmarks coincide.
    """
    p, q = _complex(landmarks), _complex(target)
    if len(p) > 2 and not np.isnan(p).any():
        turn, move = _solve(p, q)
        residual = float(np.abs(turn * p + move - q).mean())
        if residual <= RESIDUAL_LIMIT * abs(q[1] - q[0]):
            return _matrix(turn, move)
    return _matrix(*_solve(p[:2], q[:2]))


def apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return `points` (n, 2) mapped by a 2x3 matrix."""
    return np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]


def _complex(points: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(points, np.float64).view(np.complex128)[:, 0]


def _solve(p: np.ndarray, q: np.ndarray) -> tuple[complex, complex]:
    """In the plane a scaled rotation is a multiplication by a complex number: least squares gives it at once."""
    p_mean, q_mean = p.mean(), q.mean()
    centred = p - p_mean
    spread = np.vdot(centred, centred).real
    if spread < 1e-12:
        raise ValueError("the source points coincide")
    turn = complex(np.vdot(centred, q - q_mean) / spread)
    return turn, complex(q_mean - turn * p_mean)


def _matrix(turn: complex, move: complex) -> np.ndarray:
    return np.array([[turn.real, -turn.imag, move.real], [turn.imag, turn.real, move.imag]])
