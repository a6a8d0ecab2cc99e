"""Streams: endless, shuffled, a function of their position alone; several sources by their length."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fastrain.data.samplers import GroupStream, MixedStream, by_sources, shuffled_together

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


# -- Streams of several sources ---------------------------------------------------------------------------------------

GROUPS = {(0, 1): np.arange(0, 3), (0, 0): np.arange(10, 19), (1, 1): np.arange(20, 25), (1, 0): np.arange(30, 31)}
ONCE = dict.fromkeys(GROUPS, 1)


def counts(members: np.ndarray) -> dict[tuple[int, int], int]:
    return {group: int(np.isin(members, of).sum()) for group, of in GROUPS.items()}


def test_a_source_comes_by_its_length_and_its_labels_alike() -> None:
    """12 items against 6: two thirds of a pass; the one attack of the second source as often as its bona fide."""
    assert counts(by_sources(GROUPS, ONCE, (0,)).batch(0, 36)) == {(0, 1): 12, (0, 0): 12, (1, 1): 6, (1, 0): 6}


def test_a_source_listed_several_times_counts_as_often() -> None:
    tenfold = {group: 10 if group[0] else 1 for group in GROUPS}
    drawn = counts(by_sources(GROUPS, tenfold, (0,)).batch(0, 2 * 12 + 2 * 60))
    assert drawn == {(0, 1): 12, (0, 0): 12, (1, 1): 60, (1, 0): 60}


def test_each_group_gives_all_its_members_before_one_comes_again() -> None:
    drawn = by_sources(GROUPS, ONCE, (7,)).batch(0, 36 * 9)
    for members in GROUPS.values():
        own = drawn[np.isin(drawn, members)]
        passes = own[: len(own) // len(members) * len(members)].reshape(-1, len(members))
        assert all(sorted(turn) == members.tolist() for turn in passes.tolist())


@given(position=st.integers(0, 200), size=st.integers(1, 50), first=st.integers(0, 60))
def test_a_position_is_all_there_is_to_know(position: int, size: int, first: int) -> None:
    whole = by_sources(GROUPS, ONCE, (3,)).batch(0, 260)
    used, fresh = by_sources(GROUPS, ONCE, (3,)), by_sources(GROUPS, ONCE, (3,))
    used.batch(0, first)
    assert np.array_equal(used.batch(first, size), whole[first : first + size])  # what it had counted
    assert np.array_equal(used.batch(position, size), whole[position : position + size])  # what it has to count
    assert np.array_equal(fresh.batch(position, size), whole[position : position + size])


def test_keys_and_passes_order_the_sources_differently() -> None:
    orders = [by_sources(GROUPS, ONCE, (key,)).batch(start, 36) < 20 for key, start in ((0, 0), (0, 36), (1, 0))]
    assert not any(np.array_equal(a, b) for i, a in enumerate(orders) for b in orders[:i])


def test_weights_may_be_of_any_size() -> None:
    streams = [GroupStream(np.array([number]), (number,), fill=True) for number in range(3)]
    drawn = MixedStream(streams, [5, 0, 1], (0,)).batch(0, 60)
    assert np.bincount(drawn).tolist() == [50, 0, 10]


def test_one_list_of_all_sources_holds_each_as_often_as_it_is_listed() -> None:
    times = {group: 3 if group[0] else 1 for group in GROUPS}
    assert counts(shuffled_together(GROUPS, ONCE, balanced=False)) == {(0, 1): 3, (0, 0): 9, (1, 1): 5, (1, 0): 1}
    assert counts(shuffled_together(GROUPS, times, balanced=False)) == {(0, 1): 3, (0, 0): 9, (1, 1): 15, (1, 0): 3}
    assert set(counts(shuffled_together(GROUPS, times, balanced=True)).values()) == {9}


def test_a_balanced_list_holds_every_group_alike_in_expectation() -> None:
    groups = {
        (0, 1): np.arange(3),
        (0, 0): np.arange(100, 107),
        (1, 1): np.arange(200, 220),
        (1, 0): np.arange(300, 301),
    }
    members = shuffled_together(groups, dict.fromkeys(groups, 1), balanced=True)
    assert len(members) == 4 * 20
    stream = GroupStream(members, (3,), fill=True)
    batches = [stream.batch(8 * k, 8) // 100 for k in range(50)]
    counts = np.array([np.bincount(np.minimum(batch, 3), minlength=4) for batch in batches])
    assert counts.sum(axis=0)[3] == 100 and (counts[:, 3] != 2).any()  # in expectation, not in every batch
    plain = shuffled_together(groups, dict.fromkeys(groups, 1), balanced=False)
    assert sorted(plain.tolist()) == sorted(np.concatenate(list(groups.values())).tolist())
