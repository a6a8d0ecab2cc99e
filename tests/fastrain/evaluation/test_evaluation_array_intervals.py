"""Intervals of arrays: a threshold where a metric is measured at one, and nowhere else."""

from __future__ import annotations

import pytest

from fasdata.errors import UserError
from fastrain.evaluation.array_intervals import interval

SCORES, LABELS = [0.9, 0.8, 0.3, 0.1], [1, 1, 0, 0]


def test_a_threshold_is_given_where_one_is_needed_alone() -> None:
    with pytest.raises(UserError, match="hter is measured at a threshold"):
        interval("hter", SCORES, LABELS)
    with pytest.raises(UserError, match=r"auc finds its own threshold; found threshold=0.5"):
        interval("auc", SCORES, LABELS, threshold=0.5)
    assert interval("hter", SCORES, LABELS, threshold=0.5).low == 0 and interval("auc", SCORES, LABELS).high == 1
