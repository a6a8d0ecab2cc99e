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
    p, q = np.asarray(source, np.float64), np.asarray(target, np.float64)
    p_mean, q_mean = p.mean(axis=0), q.mean(axis=0)
    dp, dq = p - p_mean, q - q_mean
    spread = (dp**2).sum()
    if spread < 1e-12:
        raise ValueError("the source points coincide")
    # In the plane, scaled rotations are multiplications by a + bi: least squares gives both parts at once.
    a = (dp * dq).sum() / spread
    b = (dp[:, 0] * dq[:, 1] - dp[:, 1] * dq[:, 0]).sum() / spread
    linear = np.array([[a, -b], [b, a]])
    return np.hstack([linear, (q_mean - linear @ p_mean)[:, None]])


def fit_face(landmarks: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the similarity from five landmarks, or from the two eyes alone when the five do not fit a face."""
    matrix = fit(landmarks, target)
    residual = np.linalg.norm(apply(matrix, landmarks) - target, axis=1).mean()
    eye_distance = np.linalg.norm(target[1] - target[0])
    return fit(landmarks[:2], target[:2]) if residual > RESIDUAL_LIMIT * eye_distance else matrix


def apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return `points` (n, 2) mapped by a 2x3 matrix."""
    return np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]
