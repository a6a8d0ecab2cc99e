from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasdata.errors import UserError
from fastrain.evaluation.metrics.counts import fuse


@given(st.lists(st.tuples(st.floats(-1, 1), st.sampled_from("abcd")), max_size=60))
def test_the_mean_is_that_of_the_group_alone_to_the_last_bit(pairs: list[tuple[float, str]]) -> None:
    scores, groups = np.array([s for s, _ in pairs]), np.array([g for _, g in pairs], "U1")
    first, fused = fuse(scores, groups)
    assert groups[first].tolist() == list(dict.fromkeys(groups.tolist()))
    for name, value in zip(groups[first], fused, strict=True):
        assert value == np.mean(scores[groups == name])


def test_an_absent_score_makes_its_group_absent() -> None:
    first, fused = fuse([0.5, np.nan, 0.7], [2, 1, 2])
    assert first.tolist() == [0, 1]
    np.testing.assert_equal(fused, [0.6, np.nan])


def test_an_unknown_fusion_names_those_there_are() -> None:
    with pytest.raises(UserError, match=r"clip fusion 'meen'.*did you mean 'mean'"):
        fuse([0.1], [1], "meen")
