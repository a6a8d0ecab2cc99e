"""Streams: endless, shuffled, and a function of their position alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fastrain.data.samplers import GroupStream

sizes = st.integers(1, 23)


@given(members=sizes, size=sizes, seed=st.integers(0, 99))
def test_every_pass_visits_every_member_once(members: int, size: int, seed: int) -> None:
    stream, position, seen = GroupStream(np.arange(100, 100 + members), (seed,)), 0, []
    while position < 3 * members:
        batch = stream.batch(position, size)
        seen += batch.tolist()
        position += len(batch)
    for start in range(0, 3 * members, members):
        assert sorted(seen[start : start + members]) == list(range(100, 100 + members))


@given(members=sizes, size=sizes)
def test_the_last_batch_of_a_pass_is_short_when_kept_and_full_when_filled(members: int, size: int) -> None:
    keep, fill = (GroupStream(np.arange(members), (1,), fill=way) for way in (False, True))
    position, lengths = 0, []
    while position < members:
        lengths.append(len(keep.batch(position, size)))
        position += lengths[-1]
    assert position == members
    assert lengths == [size] * (members // size) + ([members % size] if members % size else [])
    assert [len(fill.batch(start * size, size)) for start in range(5)] == [size] * 5


@given(members=sizes, size=sizes, position=st.integers(0, 200), fill=st.booleans())
def test_a_new_stream_continues_where_another_stood(members: int, size: int, position: int, fill: bool) -> None:
    used, fresh = (GroupStream(np.arange(members), (4, 2), fill=fill) for _ in range(2))
    for earlier in range(0, position, 7):
        used.batch(earlier, size)
    assert np.array_equal(used.batch(position, size), fresh.batch(position, size))


def test_filled_batches_are_the_same_sequence_as_kept_ones() -> None:
    keep, fill = (GroupStream(np.arange(7), (3,), fill=way) for way in (False, True))
    in_turn = np.concatenate([keep.batch(start, 1) for start in range(21)])
    assert np.array_equal(fill.batch(0, 21), in_turn)


def test_passes_keys_and_seeds_shuffle_differently() -> None:
    stream = GroupStream(np.arange(50), (0, 0))
    orders = [stream.batch(0, 50), stream.batch(50, 50), GroupStream(np.arange(50), (0, 1)).batch(0, 50)]
    assert not any(np.array_equal(a, b) for i, a in enumerate(orders) for b in orders[:i])
    assert not np.array_equal(orders[0], np.arange(50))
