"""Whether five landmarks fit a face."""

from __future__ import annotations

import numpy as np
import pytest

from fasdata.five_points import ARCFACE_112, RESIDUAL_LIMIT, complex_points, misfit, similarity

TURN = np.array([[0.8, -0.6], [0.6, 0.8]]) * 1.7


def test_a_face_of_the_reference_shape_fits_wherever_it_lies() -> None:
    assert not misfit(ARCFACE_112 @ TURN.T + 300)
    assert not misfit([tuple(point) for point in ARCFACE_112.tolist()])


@pytest.mark.parametrize("off", [0.02, 0.1, 0.18, 0.22, 2.0])
def test_beyond_the_limit_of_the_mean_distance_they_do_not_fit(off: float) -> None:
    eye_distance = np.linalg.norm(ARCFACE_112[1] - ARCFACE_112[0])
    points = ARCFACE_112.copy()
    points[2:] += np.array([[1, 0], [-1, 1], [0, -1]]) * off * eye_distance
    p, q = complex_points(points), complex_points(ARCFACE_112)
    turn, move = similarity(p, q)
    residual = np.mean([abs(turn * a + move - b) for a, b in zip(p, q, strict=True)]) / eye_distance
    assert misfit(points @ TURN.T - 40) == (residual > RESIDUAL_LIMIT) == (off > 0.2)


def test_points_that_are_mirrored_or_coincide_do_not_fit() -> None:
    assert misfit(ARCFACE_112 * [1, -1])  # upside down: no reflection
    assert misfit([(5.0, 5.0)] * 5)


def test_where_fewer_than_five_are_known_nothing_is_said() -> None:
    assert not misfit(None) and not misfit(()) and not misfit([(0, 0), (30, 0)])
    assert not misfit([(0, 0), (30, 0), *[(float("nan"), float("nan"))] * 3])
