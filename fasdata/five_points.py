"""Five landmarks of a face: a reference shape, the least-squares similarity to it, and whether they fit a face."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# ArcFace's reference points for a 112 x 112 chip: image-left eye, right eye, nose, left and right mouth corner.
ARCFACE_112 = np.array(
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)]
)
RESIDUAL_LIMIT = 0.15  # of the eye distance: beyond it five points are no plausible upright face


def complex_points(points: Sequence[Sequence[float]] | np.ndarray) -> list[complex]:
    """Return points (n, 2) as complex numbers."""
    return [complex(x, y) for x, y in np.asarray(points, np.float64).reshape(-1, 2).tolist()]


def similarity(p: Sequence[complex], q: Sequence[complex]) -> tuple[complex, complex]:
    """Return the rotation and scale, and the translation, that best map the points `p` onto `q`: z to turn * z + move.

    In the plane a scaled rotation is a multiplication by a complex number, which least squares gives at once (Umeyama
    1991, without reflection). A face is fitted for every image that is read, and numbers of Python's own are quicker
    than arrays of five.

    Raises:
        ValueError: the points `p` coincide.
    """
    p_mean, q_mean = sum(p) / len(p), sum(q) / len(q)
    centred = [z - p_mean for z in p]
    spread = sum(z.real**2 + z.imag**2 for z in centred)
    if spread < 1e-12:
        raise ValueError("the source points coincide")
    turn = sum(a.conjugate() * (b - q_mean) for a, b in zip(centred, q, strict=True)) / spread
    return turn, q_mean - turn * p_mean


_REFERENCE = complex_points(ARCFACE_112)


def misfit(landmarks: Sequence[Sequence[float]] | None) -> bool:
    """Return whether five landmarks (x, y) fit no face: fitted to the reference, they lie far from it.

    Far is a mean distance of more than 0.15 of the reference's eye distance; a head that is turned by more than some 50
    degrees is as far. Where fewer than five points are known there is nothing to fit: False.

    >>> misfit(ARCFACE_112), misfit([(0, 0), (30, 0), (90, 5), (2, 40), (28, 40)]), misfit([(0, 0), (30, 0)])
    (False, True, False)
    """
    if landmarks is None or len(landmarks) < len(_REFERENCE):
        return False
    points = [complex(x, y) for x, y in landmarks]
    if any(z != z for z in points):
        return False
    try:
        turn, move = similarity(points, _REFERENCE)
    except ValueError:  # all in one point
        return True
    far = sum(abs(turn * a + move - b) for a, b in zip(points, _REFERENCE, strict=True)) / len(points)
    return far > RESIDUAL_LIMIT * abs(_REFERENCE[1] - _REFERENCE[0])
