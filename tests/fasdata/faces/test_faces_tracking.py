"""The outcome of a frame without a face, from the faces of the frames around it."""

import pytest

from fasdata.faces.tracking import fall_back, still_to_search
from fasdata.records import Face

SMALL = Face((0, 0, 10, 10), ((1, 1),) * 5, 0.99)
LARGE = Face((100, 100, 160, 160), ((110, 110),) * 5, 0.9)


@pytest.mark.parametrize(
    ("index", "hits", "status", "shift"),
    [
        (10, (5, 15), "interp", 0),
        (10, (2, 17), "interp", 0),
        (10, (1, 17), "hold", 0),
        (10, (1, 30), "hold", 0),
        (20, (4, 30), "shift", 10),
        (20, (4,), "skip", 0),
        (0, (15,), "shift", 15),
        (0, (16,), "skip", 0),
        (3, (), "skip", 0),
    ],
)
def test_fallback_order(index, hits, status, shift):
    outcome = fall_back(index, dict.fromkeys(hits, SMALL))
    assert (outcome.status, outcome.shift) == (status, shift)
    assert (outcome.face is None) == (status == "skip")


def test_interpolation_is_linear_and_keeps_the_lower_score():
    outcome = fall_back(1, {0: SMALL, 4: LARGE})
    assert outcome.face is not None
    assert outcome.face.box == (25, 25, 47.5, 47.5)
    assert outcome.face.landmarks[0] == (28.25, 28.25)
    assert outcome.face.score == 0.9


def test_interpolation_keeps_only_points_that_both_faces_have():
    eyes, none = Face(SMALL.box, SMALL.landmarks[:2], 1.0), Face(SMALL.box, (), 1.0)
    assert fall_back(1, {0: eyes, 2: eyes}).face.landmarks == eyes.landmarks
    assert fall_back(1, {0: eyes, 2: none}).face.landmarks == ()
    assert fall_back(1, {0: eyes, 2: LARGE}).face.landmarks == ()


def test_the_release_s_own_box_comes_after_a_held_one_and_before_a_shift():
    given = {20: LARGE}
    assert fall_back(20, {30: SMALL}, given).status == "given"
    assert fall_back(20, {}, given).face is LARGE and fall_back(20, {}, {21: LARGE}).status == "skip"
    assert fall_back(20, {10: SMALL}, given).status == "hold"
    assert fall_back(20, {15: SMALL, 25: SMALL}, given).status == "interp"


def test_what_decides_a_miss_is_searched_and_no_more():
    assert still_to_search(1, 5, {1: False, 2: True}) == [0]
    assert still_to_search(50, 200, {50: False}, 2) == [48, 49, 51, 52]
    assert still_to_search(50, 200, {50: False, 49: False, 51: True}, 3) == [47, 48]
    assert len(still_to_search(50, 200, {50: False})) == 30
    assert still_to_search(0, 4, {0: False}) == [1, 2, 3]
