"""The memory of batches: adjacent segments are not copied, missing modalities are zero."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from fastrain.data.batches import BatchMemory, joined


def put(value: float):
    def write(images: Mapping[str, np.ndarray], /, *, out: dict[str, np.ndarray]) -> None:
        for name in images:
            out[name][:] = value

    return write


def filled(count: int, start: float = 0, views: int = 1) -> BatchMemory:
    memory = BatchMemory(("rgb", "ir"), count, 2, views)
    for place in range(count):
        memory.fill(place, {"rgb": np.empty(0), "ir": np.empty(0)}, put(start + place))
    return memory


def first_values(tensor: torch.Tensor) -> list[float]:
    return tensor[:, 0, 0, 0].tolist()


def test_adjacent_segments_are_not_copied() -> None:
    memory = filled(6)
    for segments, values in (([(0, 2), (2, 6)], [0, 1, 2, 3, 4, 5]), ([(2, 3), (3, 5)], [2, 3, 4])):
        (view,), available = joined([(memory, start, stop) for start, stop in segments])
        assert first_values(view["rgb"]) == values
        assert view["rgb"].untyped_storage().data_ptr() == memory.views[0]["rgb"].untyped_storage().data_ptr()
        assert available["ir"].tolist() == [True] * len(values)


def test_other_segments_are_put_together() -> None:
    first, second = filled(4), filled(3, start=10)
    for segments, values in (
        ([(first, 2, 4), (first, 0, 2)], [2, 3, 0, 1]),
        ([(first, 0, 1), (first, 2, 3)], [0, 2]),
        ([(first, 3, 4), (second, 0, 2)], [3, 10, 11]),
    ):
        (view,), _ = joined(segments)
        assert first_values(view["rgb"]) == first_values(view["ir"]) == values


def test_what_a_sample_lacks_is_zero_in_every_view() -> None:
    memory = BatchMemory(("rgb", "depth"), 2, 3, views=2)
    for view in memory.views:
        for tensor in view.values():
            tensor.fill_(9)
    memory.fill(0, {"rgb": np.empty(0)}, put(1))
    memory.fill(1, {}, put(1))
    views, available = joined([(memory, 0, 2)])
    for view in views:
        assert first_values(view["rgb"]) == [1, 0] and not view["depth"].any()
    assert available["rgb"].tolist() == [True, False] and not available["depth"].any()
