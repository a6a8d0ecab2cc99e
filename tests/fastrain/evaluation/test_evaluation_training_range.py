"""What lies outside of the faces that a network was fitted to."""

from __future__ import annotations

from fastrain.evaluation.training_range import beyond, ranges_of


def test_both_ends_of_a_range_belong_to_it() -> None:
    ranges = ranges_of([{"brightness": float(i), "yaw": 0.0} for i in range(101)])
    assert ranges == {"brightness": (1.0, 99.0), "yaw": (0.0, 0.0)}
    for inside in (1.0, 50.0, 99.0):
        assert beyond({"brightness": inside, "yaw": 0.0}, ranges) == ()
    assert beyond({"brightness": 99.5, "yaw": -0.1}, ranges) == ("brightness", "yaw")


def test_nine_clips_are_too_few_for_a_range() -> None:
    clips = [{"roll": float(i)} for i in range(10)]
    assert ranges_of(clips[:9]) == {} and ranges_of(clips) == {"roll": (0.0, 9.0)}
