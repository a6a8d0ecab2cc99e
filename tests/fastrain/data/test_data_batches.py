"""The memory of batches: what lies together is handed on as it is, what is missing is zero."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from fastrain.data.batches import Room, joined


def put(value: float):
    def write(images: Mapping[str, np.ndarray], /, *, out: dict[str, np.ndarray]) -> None:
        for name in images:
            out[name][:] = value

    return write


def filled(count: int, start: float = 0, views: int = 1) -> Room:
    room = Room(("rgb", "ir"), count, 2, views)
    for place in range(count):
        room.fill(place, {"rgb": np.empty(0), "ir": np.empty(0)}, put(start + place))
    return room


def first_values(tensor: torch.Tensor) -> list[float]:
    return tensor[:, 0, 0, 0].tolist()


def test_parts_of_one_room_in_their_order_are_not_copied() -> None:
    room = filled(6)
    for parts, values in (([(0, 2), (2, 6)], [0, 1, 2, 3, 4, 5]), ([(2, 3), (3, 5)], [2, 3, 4])):
        (view,), available = joined([(room, start, stop) for start, stop in parts])
        assert first_values(view["rgb"]) == values
        assert view["rgb"].untyped_storage().data_ptr() == room.views[0]["rgb"].untyped_storage().data_ptr()
        assert available["ir"].tolist() == [True] * len(values)


def test_any_other_parts_are_put_together() -> None:
    one, other = filled(4), filled(3, start=10)
    for parts, values in (
        ([(one, 2, 4), (one, 0, 2)], [2, 3, 0, 1]),
        ([(one, 0, 1), (one, 2, 3)], [0, 2]),
        ([(one, 3, 4), (other, 0, 2)], [3, 10, 11]),
    ):
        (view,), _ = joined(parts)
        assert first_values(view["rgb"]) == first_values(view["ir"]) == values


def test_what_a_sample_lacks_is_zero_in_every_view() -> None:
    room = Room(("rgb", "depth"), 2, 3, views=2)
    for view in room.views:
        for tensor in view.values():
            tensor.fill_(9)
    room.fill(0, {"rgb": np.empty(0)}, put(1))
    room.fill(1, {}, put(1))
    views, available = joined([(room, 0, 2)])
    for view in views:
        assert first_values(view["rgb"]) == [1, 0] and not view["depth"].any()
    assert available["rgb"].tolist() == [True, False] and not available["depth"].any()
