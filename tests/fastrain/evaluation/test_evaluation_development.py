"""Rates at a threshold of CDCN's development set, by hand."""

from __future__ import annotations

import pytest

from fastrain.evaluation.metrics.development import Rates


def test_a_live_score_exactly_at_the_threshold_is_an_error() -> None:
    rates = Rates.above([0.9, 0.5, 0.5, 0.6, 0.1], [1, 1, 0, 0, 0], 0.5)
    assert rates.accuracy == pytest.approx(3 / 5)  # of two live ones one, of three attacks two
    assert (rates.apcer, rates.bpcer) == (pytest.approx(1 / 3), 0.5)
    assert rates.acer == pytest.approx((1 / 3 + 1 / 2) / 2)
