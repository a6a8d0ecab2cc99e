"""A number over several runs: their median, from the lowest to the highest end that is known."""

from __future__ import annotations

from fastrain.evaluation.reached import Reached


def test_ends_need_an_interval_of_every_run() -> None:
    assert Reached.of([0.8, 0.9], [(0.7, 0.9), (0.8, 1.0)]).ends == (0.75, 0.95)
    assert Reached.of([0.8, 0.9], [(0.7, 0.9), None]).ends is None
    assert Reached.of([], []).ends is None and str(Reached.of([], [])) == "not computed"
    # Of one run the interval is its own, wherever the number lies.
    assert Reached.of([0.5], [(0.6, 0.9)]).ends == (0.6, 0.9)
    assert Reached.of([0.5, 0.95], [(0.6, 0.9), (0.6, 0.9)]).ends == (0.5, 0.95)


def test_two_runs_are_several() -> None:
    assert Reached.of([0.9], [(0.8, 0.95)]).words() == "an AUC of 0.900 [0.800, 0.950]"
    two = Reached.of([0.9, 0.8], [(0.8, 0.95), (0.7, 0.85)])
    assert two.words() == "a median AUC of 0.850 [0.750, 0.900] over 2 runs (0.800 to 0.900)"
