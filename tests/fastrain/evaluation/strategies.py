"""Random score sets, rich in ties."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

# Few distinct values make ties common; binary fractions keep every rate's arithmetic exact enough to compare.
_TIED = st.integers(-8, 8).map(lambda n: n / 8)
_ANY = st.floats(-1e6, 1e6, allow_nan=False).filter(lambda x: x == 0 or abs(x) > 1e-6)
_SCORE = st.one_of(_TIED, _ANY)


@st.composite
def score_sets(draw: st.DrawFn, *, both: bool = True, size: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Draw (scores, labels); with `both` neither class is empty."""
    pairs = draw(st.lists(st.tuples(_SCORE, st.integers(0, 1)), max_size=size))
    if both:
        pairs = [*pairs, (draw(_SCORE), 1), (draw(_SCORE), 0)]
    order = draw(st.permutations(range(len(pairs))))
    return np.array([pairs[i][0] for i in order], float), np.array([pairs[i][1] for i in order], int)
