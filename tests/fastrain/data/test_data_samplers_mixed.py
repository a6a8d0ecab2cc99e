"""A stream over several sources: each comes as often as its length says, from any position on."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fastrain.data.samplers import GroupStream, MixedStream, by_sources, shuffled_together

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
        assert all(sorted(one) == members.tolist() for one in passes.tolist())


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
