"""Rates at a threshold of CDCN's development set, by hand."""

from __future__ import annotations

import pytest

from fastrain.evaluation.metrics.counts import OperatingPoint
from fastrain.evaluation.metrics.development import Rates, cdcn_point


def test_a_live_score_exactly_at_the_threshold_is_an_error() -> None:
    rates = Rates.above([0.9, 0.5, 0.5, 0.6, 0.1], [1, 1, 0, 0, 0], 0.5)
    assert rates.accuracy == pytest.approx(3 / 5)  # of two live ones one, of three attacks two
    assert (rates.apcer, rates.bpcer) == (pytest.approx(1 / 3), 0.5)
    assert rates.acer == pytest.approx((1 / 3 + 1 / 2) / 2)


def test_points_inside_a_straight_run_are_not_looked_at() -> None:
    """Live 0.9, then three attacks, then the other live one: the two middle attacks lie on one line of the curve.

    Rejected and accepted differ by 1/6 there and by 1/2 at its ends, of which the first one is taken.
    """
    assert cdcn_point([0.9, 0.5, 0.8, 0.7, 0.6], [1, 1, 0, 0, 0]) == OperatingPoint(0.9, 0.0, 0.5)
