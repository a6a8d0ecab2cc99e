"""Random numbers by position: the same for whoever asks, and others for every position, use and stream."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from fastrain.data.loader import Chances


def numbers(chances: Chances, position: int) -> list[float]:
    return chances.at(position).random(5).tolist()


def test_a_position_has_its_own_numbers_whatever_was_asked_before() -> None:
    one, other = Chances(5, 1, 0, 1), Chances(5, 1, 0, 1)
    forward = [numbers(one, position) for position in range(50)]
    one.at(7).integers(10)  # leaves half a word behind, which must not leak into the next position
    assert [numbers(other, position) for position in reversed(range(50))] == forward[::-1]
    assert numbers(one, 3) == forward[3]


def test_positions_and_keys_differ() -> None:
    keys = [(5, 1, 0, 1), (6, 1, 0, 1), (5, 2, 0, 1), (5, 1, 1, 1), (5, 1, 0, 0)]
    drawn = [tuple(numbers(Chances(*key), position)) for key in keys for position in (0, 1, 2**40)]
    assert len(set(drawn)) == 15


def test_neighbouring_positions_are_not_alike() -> None:
    chances = Chances(0, 1, 0, 0)
    drawn = np.array([chances.at(position).random(8) for position in range(4000)])
    assert abs(drawn.mean() - 0.5) < 0.01 and abs(drawn.var() - 1 / 12) < 0.005
    beside = np.corrcoef(drawn[:-1].ravel(), drawn[1:].ravel())[0, 1]
    within = np.corrcoef(drawn[:, :-1].ravel(), drawn[:, 1:].ravel())[0, 1]
    assert abs(beside) < 0.03 and abs(within) < 0.03


def test_threads_do_not_disturb_each_other() -> None:
    chances = Chances(1, 2, 3)
    expected = [numbers(chances, position) for position in range(300)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda position: numbers(chances, position), range(300))) == expected
