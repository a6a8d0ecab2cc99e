"""Cost and reliability of scores taken as probabilities, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from fasdata.errors import UserError
from fastrain.evaluation.metrics.calibration import cllr, min_cllr, reliability
from tests.fastrain.evaluation.strategies import score_sets


def test_cllr_by_hand() -> None:
    # odds 3, 1/3: log2(1 + 1/3) for each; odds 1: one bit
    assert cllr([0.75, 0.25], [1, 0]) == pytest.approx(np.log2(4 / 3))
    assert cllr([0.5, 0.5, 0.5], [1, 0, 0]) == pytest.approx(1.0)
    assert cllr([1.0, 0.0], [1, 0]) < 1e-9
    assert cllr([0.25, 0.75], [1, 0]) == pytest.approx(np.log2(4))
    assert np.isnan(cllr([0.2], [1]))
    with pytest.raises(UserError, match=r"needs probabilities; expected scores from 0 to 1; found 1\.2"):
        cllr([0.0, 1.0, 1.2, 0.1], [1, 1, 1, 0])


@given(score_sets())
def test_min_cllr_is_blind_to_monotone_changes_and_never_above_one(case: tuple) -> None:
    scores, labels = case
    best = min_cllr(scores, labels)
    assert best <= 1 + 1e-9
    assert min_cllr(np.arctan(scores / 1e6), labels) == pytest.approx(best, abs=1e-6)
    probabilities = 1 / (1 + np.exp(-np.clip(scores, -20, 20)))
    assert min_cllr(probabilities, labels) <= cllr(probabilities, labels) + 1e-6


def test_reliability_counts_and_averages() -> None:
    diagram = reliability([0.05, 0.15, 0.12, 0.95, 1.0, -np.inf], [0, 0, 1, 1, 1, 1])
    assert diagram.samples.tolist() == [1, 2, 2]  # the sample without a score is in no bin
    np.testing.assert_allclose(diagram.predicted, [0.05, 0.135, 0.975])
    np.testing.assert_allclose(diagram.observed, [0.0, 0.5, 1.0])
    assert diagram.error == pytest.approx((0.05 + 2 * 0.365 + 2 * 0.025) / 5)


def test_the_last_two_steps_of_a_reliability_diagram_stay_apart() -> None:
    diagram = reliability([0.05, 0.85, 0.95, 1.0], [0, 1, 1, 1])
    assert diagram.samples.tolist() == [1, 1, 2]
    np.testing.assert_allclose(diagram.predicted, [0.05, 0.85, 0.975])
