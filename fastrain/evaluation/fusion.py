"""From frame scores to clip scores."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fasdata.errors import unknown_name

# A fusion reduces a matrix, one group a row, along axis 1.
FUSIONS: dict[str, Callable[..., NDArray[np.float64]]] = {
    "mean": np.mean,
    "median": np.median,
    "min": np.min,
    "max": np.max,
}


def fuse(scores: ArrayLike, groups: ArrayLike, how: str = "mean") -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return (position of the first sample of each group, fused score), groups in order of first appearance.

    `groups` holds one value a sample (clip id, video number). The fused score equals that of the group taken alone, to
    the last bit: a sum in another order can break a tie between clips and so change an error rate.

    Raises:
        UserError: no fusion is called `how`.
    """
    if how not in FUSIONS:
        raise unknown_name("clip fusion", how, FUSIONS)
    values, members = np.asarray(scores, np.float64), np.asarray(groups)
    _, first, index, sizes = np.unique(members, return_index=True, return_inverse=True, return_counts=True)
    ordered = values[np.argsort(index, kind="stable")]
    starts = np.cumsum(sizes) - sizes
    fused = np.empty(sizes.size)
    for size in np.unique(sizes):
        same = sizes == size
        rows = ordered[starts[same][:, None] + np.arange(size)]
        fused[same] = FUSIONS[how](rows, axis=1)
    appearance = np.argsort(first)
    return first[appearance], fused[appearance]
