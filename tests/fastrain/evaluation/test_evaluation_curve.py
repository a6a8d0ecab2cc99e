"""BPCER at an APCER and the other way round, against brute force and numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasdata.errors import UserError
from fastrain.evaluation.metrics.counts import OperatingPoint
from fastrain.evaluation.metrics.curve import Roc, apcer_at_bpcer, bpcer_at_apcer
from fastrain.evaluation.metrics.rates import apcer_max, bpcer
from tests.fastrain.evaluation.strategies import score_sets

LIMITS = st.sampled_from([0.0, 0.01, 0.05, 0.1, 0.3, 0.5, 1.0])


def species_of(scores: np.ndarray) -> np.ndarray:
    return np.array([("print", "replay", "mask-3d")[i % 3] for i in range(len(scores))])


@given(score_sets(), LIMITS)
def test_bpcer_at_apcer_is_the_best_any_threshold_does(case: tuple, limit: float) -> None:
    scores, labels = case
    species = species_of(scores)
    point = bpcer_at_apcer(scores, labels, species, limit)
    every = [*np.unique(scores), np.inf]
    kept = [t for t in every if apcer_max(scores, labels, species, t) <= limit + 1e-9]
    assert point.frr == min(bpcer(scores, labels, t) for t in kept)
    assert point.threshold == min(kept)
    assert point.far == apcer_max(scores, labels, species, point.threshold)


@given(score_sets(), LIMITS)
def test_apcer_at_bpcer_is_the_best_any_threshold_does(case: tuple, limit: float) -> None:
    scores, labels = case
    species = species_of(scores)
    point = apcer_at_bpcer(scores, labels, species, limit)
    kept = [t for t in [*np.unique(scores), np.inf] if bpcer(scores, labels, t) <= limit + 1e-9]
    assert point.far == min(apcer_max(scores, labels, species, t) for t in kept)
    assert point.frr == bpcer(scores, labels, point.threshold)


def test_the_worst_species_decides() -> None:
    # Twenty attacks of each species: at 5 % one of each may be accepted. Replay's second best is 0.8, print's 0.3,
    # so everything up to 0.8 is rejected: 2 of the 4 bona fide.
    prints, replays = [0.9, 0.3, *[0.1] * 18], [0.95, 0.8, *[0.1] * 18]
    scores = np.array([0.99, 0.85, 0.8, 0.4, *prints, *replays])
    labels, species = np.array([1] * 4 + [0] * 40), np.array([""] * 4 + ["print"] * 20 + ["replay"] * 20)
    point = bpcer_at_apcer(scores, labels, species, 0.05)
    assert (point.frr, point.far, point.threshold) == (0.5, 0.05, 0.85)
    assert bpcer_at_apcer(scores, labels, species, 0.01).frr == 0.75  # none may be accepted: all up to 0.95 rejected


def test_the_last_point_of_a_curve_has_no_lower_score_to_move_to() -> None:
    assert Roc.of([0.9, 0.4], [1, 0]).point(2) == OperatingPoint(0.4, 1.0, 0.0)


def test_what_was_not_acquired_is_never_accepted() -> None:
    scores, labels = np.array([-np.inf, 0.9, 0.8, 0.5, -np.inf]), np.array([1, 1, 1, 0, 0])
    species = np.array(["", "", "", "print", "print"])
    assert bpcer_at_apcer(scores, labels, species, 0.1).frr == pytest.approx(1 / 3)
    assert bpcer_at_apcer(scores, labels, species, 0.5).frr == pytest.approx(1 / 3)  # even with an attack to spare
    assert np.isnan(apcer_at_bpcer(scores, labels, species, 0.1).far)  # 1 of 3 is lost already
    assert apcer_at_bpcer(scores, labels, species, 0.4).far == 0.0


def test_a_missing_class_gives_nan_and_no_rate_is_an_error() -> None:
    for function in (bpcer_at_apcer, apcer_at_bpcer):
        assert np.isnan(function([0.1, 0.2], [1, 1], ["", ""], 0.1).frr)
        assert np.isnan(function([], [], [], 0.1).far)
        with pytest.raises(UserError, match="needs a rate"):
            function([0.1, 0.2], [1, 0], ["", "print"], 1.5)


def test_a_drawn_curve_keeps_turns_and_even_steps_along_it() -> None:
    """Eight of each in turn: a staircase of 17 points, all turns, an eighth of a class apart; worked out by hand."""
    scores, labels = np.arange(16, 0, -1.0), np.tile([1, 0], 8)
    fpr = Roc.of(scores, labels).thinned(17)[0]
    assert len(fpr) == 17 and fpr.tolist() == sorted([*np.arange(9) / 8, *np.arange(8) / 8])
    # Five even steps along the way of length 2: after 0, 4, 8, 12 and 16 of its points.
    assert [points.tolist() for points in Roc.of(scores, labels).thinned(5)] == [[0, 0.25, 0.5, 0.75, 1]] * 2
    # What lies inside a straight run is left out however many points are allowed.
    apart = Roc.of([*np.arange(9, 5, -1.0), *np.arange(5, 0, -1.0)], [1] * 4 + [0] * 5).thinned()
    assert [points.tolist() for points in apart] == [[0, 0, 1], [0, 1, 1]]
    tied = Roc.of([1.0, 1.0, 1.0], [1, 0, 0]).thinned()
    assert [points.tolist() for points in tied] == [[0, 1], [0, 1]]


def test_a_curve_of_many_turns_is_drawn_with_five_hundred_points() -> None:
    fpr, tpr = Roc.of(np.arange(2000, 0, -1.0), np.tile([1, 0], 1000)).thinned()
    assert len(fpr) == len(tpr) == 500


def test_a_sloping_run_of_a_curve_is_one_line() -> None:
    """Three scores, each of one live sample and one attack: four points on the diagonal."""
    points = Roc.of([3.0, 3.0, 2.0, 2.0, 1.0, 1.0], [1, 0] * 3).thinned()
    assert [of.tolist() for of in points] == [[0, 1], [0, 1]]
