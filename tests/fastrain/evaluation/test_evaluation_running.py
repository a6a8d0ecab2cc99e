"""Resamples of people are summed up in blocks and by pairs of people: no number may depend on how."""

from __future__ import annotations

import numpy as np
import pytest

from fastrain.evaluation.measures import AT, BEST, FREE, OF_FAMILY
from fastrain.evaluation.scores import Samples
from fastrain.evaluation.statistics.clusters import Clusters
from fastrain.evaluation.statistics.intervals import resampled
from fastrain.evaluation.statistics.running import Running, ordered_pairs, step_of
from fastrain.evaluation.statistics.weighted import ScoreOrder, Weighted

MEASURES = (*FREE, BEST, *AT, OF_FAMILY["physical"])


def study(seed: int, number: int, people: int, decimals: int) -> tuple[Samples, Clusters]:
    """Return samples with ties, failures to acquire and three species, of people in two datasets."""
    chance = np.random.default_rng(seed)
    labels = (chance.random(number) < 0.4).astype(int)
    scores = chance.normal(labels, 1).round(decimals)
    scores[chance.random(number) < 0.05] = -np.inf
    species = np.array(["print", "replay", "deepfake"], object)[chance.integers(0, 3, number)]
    unit = chance.permutation(np.arange(number) % people)
    return Samples(scores, labels, species, np.arange(number)), Clusters(unit, np.arange(people) % 2, people, 0)


def values(samples: Samples, clusters: Clusters) -> dict[str, np.ndarray]:
    weights = np.concatenate(list(clusters.draws(samples.labels, 40, seed=3)))
    weighted = Weighted(ScoreOrder(samples, clusters.unit), weights)
    return {measure.name: measure.at(0.25)(weighted) for measure in MEASURES}


@pytest.mark.parametrize("step", [2, 3, 17, 400])
@pytest.mark.parametrize("decimals", [0, 1, 9])
def test_a_number_does_not_depend_on_blocks_nor_pairs(
    monkeypatch: pytest.MonkeyPatch, step: int, decimals: int
) -> None:
    samples, clusters = study(step, 250, 30, decimals)
    names = "fastrain.evaluation.statistics"
    monkeypatch.setattr(f"{names}.running.step_of", lambda *_: 1)
    monkeypatch.setattr(f"{names}.weighted.pairs_are_few", lambda *_: False)
    expected = values(samples, clusters)
    monkeypatch.setattr(f"{names}.running.step_of", lambda *_: step)
    monkeypatch.setattr(f"{names}.weighted.pairs_are_few", lambda *_: True)
    monkeypatch.setattr(f"{names}.weighted._CELLS", 100)
    for name, of_blocks in values(samples, clusters).items():
        assert np.array_equal(of_blocks, expected[name], equal_nan=True), name


def test_people_are_weighted_as_their_samples_are() -> None:
    samples, clusters = study(5, 3000, 100, 3)
    assert step_of(3000, 100) > 1
    (drawn,) = clusters.draws(samples.labels, 50, seed=1)
    people, apart = (
        Weighted(ScoreOrder(samples, clusters.unit), drawn),
        Weighted(ScoreOrder(samples), drawn[:, clusters.unit]),
    )
    for measure in MEASURES:
        assert np.array_equal(measure.at(0.25)(people), measure.at(0.25)(apart), equal_nan=True), measure.name


def test_resamples_are_those_of_the_chunks_in_which_they_are_drawn() -> None:
    samples, clusters = study(7, 2000, 50, 2)
    of_measure = {measure.name: measure.at(0.25) for measure in MEASURES}
    drawn = [Weighted(ScoreOrder(samples), weights) for weights in clusters.weights(samples.labels, 600, seed=9)]
    assert len(drawn) == 3
    for name, resample in resampled(samples, clusters, of_measure, resamples=600, seed=9).items():
        expected = np.concatenate([of_measure[name](weighted) for weighted in drawn])
        assert np.array_equal(resample, expected, equal_nan=True), name


@pytest.mark.parametrize("step", [1, 2, 5, 11, 20])
def test_sums_and_how_few_samples_exceed_a_limit(step: int) -> None:
    unit = np.array([0, 1, 2, 0, 3, 1, 1, 0, 3, 2, 0])  # 3 counts nothing
    weights = np.array([[1, 0, 5, 0], [0, 0, 0, 0]])
    sums = Running(unit, 3, step).of(weights)
    assert sums.total.tolist() == [14, 0]
    assert [int(sums.first(place)[0]) for place in range(12)] == [0, 1, 1, 6, 7, 7, 7, 7, 8, 8, 13, 14]
    limits = [-1, 0, 1, 5, 6, 7, 12, 13]
    assert [int(sums.beyond(np.array([limit, limit]))[0]) for limit in limits] == [0, 1, 3, 3, 4, 8, 10, 11]
    assert sums.beyond(np.array([14, 0])).min() > 11  # no sum is above


def test_pairs_of_people_are_counted_in_order() -> None:
    chance, people = np.random.default_rng(2), 40
    first, second = (chance.integers(0, people + 1, 3000) for _ in range(2))
    pairs = ordered_pairs(first, second, people)
    for person, other in ((0, 0), (3, 17), (39, 2)):
        ahead = np.cumsum(first == person) - (first == person)
        assert pairs[person, other] == ahead[second == other].sum()
