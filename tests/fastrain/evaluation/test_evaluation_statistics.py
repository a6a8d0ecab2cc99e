"""Resampling against the plain metrics, against repeated samples, and against tests of others."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasdata.errors import UserError
from fastrain.evaluation.measures import measured
from fastrain.evaluation.metrics.curve import apcer_at_bpcer, auc, bpcer_at_apcer, eer, min_hter, tpr_at_fpr
from fastrain.evaluation.metrics.rates import acer_max, apcer_max, bpcer, hter
from fastrain.evaluation.scores import Samples
from fastrain.evaluation.statistics.clusters import Clusters
from fastrain.evaluation.statistics.intervals import interval_of, resampled, roc_band
from fastrain.evaluation.statistics.paired import decided, holm, ranked, sign_flip
from fastrain.evaluation.statistics.proportions import clopper_pearson
from fastrain.evaluation.statistics.weighted import Measure, ScoreOrder, Weighted
from tests.fastrain.evaluation.strategies import score_sets
from tests.fastrain.evaluation.tables import frame, row

# name -> (one number of plain samples, the same of weighted ones)
BOTH = {
    "auc": (lambda s, y, k: auc(s, y), Weighted.auc),
    "eer": (lambda s, y, k: eer(s, y).hter, Weighted.eer),
    "min_hter": (lambda s, y, k: min_hter(s, y).hter, Weighted.min_hter),
    "tpr": (lambda s, y, k: tpr_at_fpr(s, y, 0.25), lambda w: w.tpr_at_fpr(0.25)),
    "bpcer": (lambda s, y, k: bpcer(s, y, 0.25), lambda w: w.bpcer(0.25)),
    "hter": (lambda s, y, k: hter(s, y, 0.25), lambda w: w.hter(0.25)),
    "apcer": (lambda s, y, k: apcer_max(s, y, k, 0.25), lambda w: w.apcer_max(0.25)),
    "family": (lambda s, y, k: apcer_max(s, y, k, 0.25), lambda w: w.apcer_in("physical", 0.25)),
    "acer": (lambda s, y, k: acer_max(s, y, k, 0.25), lambda w: w.acer_max(0.25)),
    "apcer_at": (lambda s, y, k: apcer_at_bpcer(s, y, k, 0.2).far, lambda w: w.apcer_at_bpcer(0.2)),
    "bpcer20": (lambda s, y, k: bpcer_at_apcer(s, y, k, 0.2).frr, lambda w: w.bpcer_at_apcer(0.2)),
}


def samples_of(scores: np.ndarray, labels: np.ndarray) -> Samples:
    species = np.array([("print", "replay")[i % 2] for i in range(len(scores))], object)
    return Samples(np.asarray(scores, float), np.asarray(labels), species, np.arange(len(scores)))


@given(score_sets(), st.booleans(), st.integers(0, 2**16))
def test_a_weighting_is_the_metric_of_the_repeated_samples(case: tuple, lost: bool, seed: int) -> None:
    scores, labels = case
    if lost:
        scores = np.where(np.arange(len(scores)) % 5 == 0, -np.inf, scores)
    samples = samples_of(scores, labels)
    weights = np.random.default_rng(seed).integers(0, 3, (4, len(scores)))
    weights[0] = 1
    weights[:, [np.argmax(labels == 1), np.argmax(labels == 0)]] += 1  # both classes in every row
    weighted = Weighted(ScoreOrder(samples), weights)
    for name, (plain, many) in BOTH.items():
        values = many(weighted)
        for row_, value in zip(weights, values, strict=True):
            again = np.repeat(np.arange(len(scores)), row_)
            expected = plain(scores[again], labels[again], samples.species[again])
            assert value == pytest.approx(expected, abs=1e-12, nan_ok=True), name


def people(n: int, clips: int, seed: int = 0, shift: float = 1.0) -> tuple[Samples, Clusters]:
    """Return `n` people with `clips` clips of each label, whose scores agree within a person."""
    rng = np.random.default_rng(seed)
    rows = []
    for person in range(n):
        own = rng.normal()
        for clip in range(clips):
            for label in ("bonafide", "attack:print"):
                score = own + 0.1 * rng.normal() + (shift if label == "bonafide" else 0)
                rows.append(row(f"{person:03}{clip}{label[0]}", float(score), label, subject=f"p{person}"))
    table = frame(*rows)
    return samples_of(table["score"].to_numpy(), (table["label"] == "bonafide").to_numpy(int)), Clusters.of(table)


def test_units_are_people_within_a_dataset() -> None:
    rows = [row("a", 0.1, subject="1"), row("b", 0.2, subject="1"), row("c", 0.3, subject="1", dataset="MSU-MFSD")]
    clusters = Clusters.of(frame(*rows, row("d", 0.4, subject=""), row("e", 0.5, subject="")))
    assert clusters.unit[0] == clusters.unit[1] != clusters.unit[2]
    assert len(clusters.stratum) == 4 and len(set(clusters.stratum)) == 2
    assert (clusters.subjects, clusters.unknown, clusters.level) == (2, 2, "subject and clip")
    assert "2 subjects and 2 clips of unknown subjects; fewer than 20: too few to tell" in clusters.note()
    assert Clusters.of(frame(row("a", 0.1, subject=""))).note().startswith("clip-level CI, 1 clips")
    many = [Clusters(np.arange(n), np.zeros(n, int), n, 0) for n in (19, 20, 59, 60)]
    assert ["too few" in clusters.note() for clusters in many] == [True, False, False, False]
    assert [bool(clusters.coverage()) for clusters in many] == [True, True, True, False]


def test_a_resample_draws_people_with_all_their_clips_inside_each_dataset() -> None:
    rows = [row(f"{d}{p}{c}", 0.5, ("bonafide", "attack:print")[c % 2], subject=f"{p}", dataset=d)
            for d, n in (("OULU-NPU", 5), ("MSU-MFSD", 3)) for p in range(n) for c in range(4)]  # fmt: skip
    table = frame(*rows)
    clusters = Clusters.of(table)
    labels = (table["label"] == "bonafide").to_numpy(int)
    (weights,) = clusters.weights(labels, 200, seed=1)
    assert weights.shape == (200, len(rows))
    for unit in range(8):
        assert (weights[:, clusters.unit == unit] == weights[:, clusters.unit == unit][:, :1]).all()
    oulu = (table["dataset"] == "OULU-NPU").to_numpy()
    assert (weights[:, oulu].sum(axis=1) == 20).all() and (weights[:, ~oulu].sum(axis=1) == 12).all()
    assert len(np.unique(weights, axis=0)) > 100
    assert np.array_equal(weights, next(clusters.weights(labels, 200, seed=1)))


def test_a_resample_without_a_class_is_drawn_again() -> None:
    rows = [row("b", 0.9, subject="live"), *[row(f"a{i}", 0.1, "attack:print", subject=f"s{i}") for i in range(3)]]
    table = frame(*rows)
    labels = (table["label"] == "bonafide").to_numpy(int)
    (weights,) = Clusters.of(table).weights(labels, 250, seed=0)
    assert len(weights) == 250
    assert (weights[:, 0] > 0).all() and (weights[:, 1:].sum(axis=1) > 0).all()
    assert list(Clusters.of(table).weights(np.ones(4, int), 10, seed=0)) == []


def test_intervals_over_people_are_wider_than_over_clips() -> None:
    samples, clusters = people(20, 10)
    measures: dict[str, Measure] = {"auc": Weighted.auc}
    own = interval_of(resampled(samples, clusters, measures, resamples=500, seed=0)["auc"])
    loose = Clusters(np.arange(len(samples.labels)), np.zeros(len(samples.labels), int), 0, len(samples.labels))
    clip = interval_of(resampled(samples, loose, measures, resamples=500, seed=0)["auc"])
    assert own.low < auc(samples.scores, samples.labels) < own.high
    assert own.sd > 1.2 * clip.sd  # the clips of a person tell the same story again


def test_an_interval_covers_as_often_as_it_says() -> None:
    samples, _ = people(4000, 1)
    truth, hits = auc(samples.scores, samples.labels), 0
    for trial in range(60):
        few, own = people(40, 2, seed=trial + 1)
        values = resampled(few, own, {"auc": Weighted.auc}, resamples=300, seed=trial)["auc"]
        interval = measured("auc").interval([(few, np.nan)], own, values)
        hits += interval.low <= truth <= interval.high
    assert hits >= 52  # of 60 at 95 %: fewer than 52 happens once in a thousand


def test_percentiles_and_the_standard_error_by_hand() -> None:
    interval = interval_of(np.arange(101) / 100)
    assert (interval.low, interval.high) == pytest.approx((0.025, 0.975))
    # The mean square of 0 to 100 around 50 is (101^2 - 1) / 12 = 850; of 101 values, 100 are free: 858.5.
    assert interval.sd == pytest.approx(np.sqrt(858.5) / 100)
    assert interval_of(np.arange(101) / 100, level=0.5).low == pytest.approx(0.25)
    assert interval_of(np.array([0.5])).sd == 0.0
    # An AUC of 0.75 with resamples 0.5 and 1: variance 1/8 of 3/16 is 2/3; one person of each class is confused with
    # the other, and the prior's two have two people: 3 / (1 * 2/3 + 2 / 2) = 1.8 pairs of which a quarter is lost.
    two = samples_of(np.array([4.0, 2.0, 3.0, 1.0]), np.array([1, 1, 0, 0]))
    clusters = Clusters(np.arange(4), np.zeros(4, int), 4, 0)
    of_auc = measured("auc").interval([(two, np.nan)], clusters, np.array([0.5, 1.0]))
    low, high = clopper_pearson(0.25 * 1.8, 1.8)
    assert (of_auc.low, of_auc.high) == pytest.approx((1 - high, 1 - low))
    assert of_auc.sd == pytest.approx(np.sqrt(1 / 8))


def test_the_band_of_a_roc_curve_lies_around_it() -> None:
    samples, clusters = people(40, 3)
    band = roc_band(samples, clusters, resamples=300)
    assert band is not None
    own = np.array([tpr_at_fpr(samples.scores, samples.labels, x) for x in band.fpr])
    assert (band.low <= own + 1e-9).all() and (own <= band.high + 1e-9).all()
    assert (np.diff(band.low) >= 0).all() and (np.diff(band.high) >= 0).all()
    assert band.fpr[0] == 0 and band.fpr[-1] == 1 and np.diff(band.fpr).max() <= 0.02 + 1e-9
    assert band.high[-1] == band.low[-1] == 1.0
    assert (band.high - band.low).max() > 0.1
    # Four people told apart without an error: the curve stays at 1, and four people say no more than 1 - 0.6024.
    apart = samples_of(np.array([9.0] * 4 + [0.0] * 4), np.array([1] * 4 + [0] * 4))
    sure = roc_band(apart, Clusters(np.tile(np.arange(4), 2), np.zeros(4, int), 4, 0), resamples=20)
    assert sure is not None and sure.low[0] == pytest.approx(1 - 0.6023646) and (sure.high == 1).all()
    lone = samples_of(np.array([0.1, 0.2]), np.array([1, 1]))
    assert roc_band(lone, Clusters(np.array([0, 1]), np.zeros(2, int), 2, 0)) is None


def test_without_a_class_there_is_no_interval() -> None:
    samples = samples_of(np.array([0.1, 0.2]), np.array([1, 1]))
    clusters = Clusters(np.array([0, 1]), np.zeros(2, int), 2, 0)
    values = resampled(samples, clusters, {"auc": Weighted.auc}, resamples=10, seed=0)["auc"]
    assert not values.size and np.isnan(interval_of(values).low)


def enumerated(pairs: list[tuple[Samples, Samples]], unit: np.ndarray, number: object) -> tuple[float, float]:
    """The difference and its p by brute force: every exchange of people, with the plain metric."""

    def difference(exchange: np.ndarray) -> float:
        gaps = []
        for first, second in pairs:
            to, of = ((second, first), (first, second))
            swapped = [np.where(exchange[unit], a.scores, b.scores) for a, b in (to, of)]
            gaps.append(np.subtract(*(number(scores, first.labels, first.species) for scores in swapped)))
        return float(np.mean(gaps))

    people = int(unit.max()) + 1
    all_of_them = [difference(np.array(exchange)) for exchange in product([False, True], repeat=people)]
    return all_of_them[0], float(np.mean(np.abs(all_of_them) >= abs(all_of_them[0]) - 1e-12))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("networks", [1, 2])
def test_an_exact_test_is_that_of_all_exchanges(seed: int, networks: int) -> None:
    rng = np.random.default_rng(seed)
    unit, labels = np.repeat(np.arange(6), 4), np.tile([1, 0], 12)
    clusters = Clusters(unit, np.zeros(6, int), 6, 0)
    pairs = []
    for _ in range(networks):
        scores = [labels * up + rng.normal(size=24).round(1) for up in (2.0, 0.5)]
        scores[0][rng.integers(0, 24)] = -np.inf
        pairs.append(tuple(ranked(samples_of(each, labels)) for each in scores))
    for name, many, plain in (
        ("auc", Weighted.auc, lambda s, y, k: auc(s, y)),
        ("eer", Weighted.eer, lambda s, y, k: eer(s, y).hter),
        ("bpcer20", lambda w: w.bpcer_at_apcer(0.2), lambda s, y, k: bpcer_at_apcer(s, y, k, 0.2).frr),
    ):
        test = sign_flip(pairs, clusters, many)
        assert test.exact and test.people == 6 and test.smallest == 2 / 2**6
        assert (test.difference, test.p) == pytest.approx(enumerated(pairs, unit, plain)), name
    rejected = [(decided(first, 12.0), decided(second, 12.0)) for first, second in pairs]
    at_half = sign_flip(rejected, clusters, lambda w: w.hter(0.5))
    assert (at_half.difference, at_half.p) == pytest.approx(enumerated(rejected, unit, lambda s, y, k: hter(s, y, 0.5)))


def test_four_people_cannot_reach_a_small_p() -> None:
    """However far apart two systems are: 2 of 16 exchanges give as large a difference, 0.125."""
    unit, labels = np.repeat(np.arange(4), 2), np.tile([1, 0], 4)
    clusters = Clusters(unit, np.zeros(4, int), 4, 0)
    good, bad = samples_of(labels.astype(float), labels), samples_of(1.0 - labels, labels)
    test = sign_flip([(good, bad)], clusters, Weighted.auc)
    assert (test.difference, test.p, test.smallest, test.people) == (1.0, 0.125, 0.125, 4)
    worse = sign_flip([(bad, good)], clusters, Weighted.auc)
    assert (worse.difference, worse.p) == (-1.0, 0.125)
    # People whom both answer alike cannot tell: three are left.
    same = np.where(unit == 3, 0.5, bad.scores), np.where(unit == 3, 0.5, good.scores)
    assert sign_flip([tuple(samples_of(s, labels) for s in same)], clusters, Weighted.auc).smallest == 0.25
    alike = sign_flip([(good, good)], clusters, Weighted.auc)
    assert (alike.difference, alike.p, alike.smallest, alike.people) == (0.0, 1.0, 1.0, 0)


def test_drawn_exchanges_agree_with_all_of_them() -> None:
    good, clusters = people(15, 2, shift=1.2)
    bad, _ = people(15, 2, seed=9, shift=0.8)
    pair = [(ranked(good), ranked(bad))]
    whole = sign_flip(pair, clusters, Weighted.auc)
    assert whole.exact and 0.05 < whole.p < 0.8 and whole.p * 2**14 == pytest.approx(round(whole.p * 2**14))
    more, clusters = people(16, 2, shift=1.2)
    less, _ = people(16, 2, seed=9, shift=0.8)
    drawn = sign_flip([(ranked(more), ranked(less))], clusters, Weighted.auc, draws=99, seed=0)
    assert not drawn.exact and drawn.smallest == pytest.approx(1 / 100)
    assert drawn.p * 100 == pytest.approx(round(drawn.p * 100)) and drawn.p >= 0.01
    # The exchange that was observed counts with those drawn: p is never 0, however far apart two systems are.
    apart, wrong = (people(16, 2, shift=shift)[0] for shift in (9.0, -9.0))
    assert sign_flip([(ranked(apart), ranked(wrong))], clusters, Weighted.auc, draws=99).p == pytest.approx(0.01)
    # As many drawn as there are exchanges reach no smaller p than all of them.
    one_each = [samples_of(np.tile(scores, 16), np.tile([1, 0], 16)) for scores in ([1.0, 0.0], [0.0, 1.0])]
    sixteen = Clusters(np.repeat(np.arange(16), 2), np.zeros(16, int), 16, 0)
    assert sign_flip([tuple(one_each)], sixteen, Weighted.auc, draws=40_000).smallest == 2**-15
    with pytest.raises(UserError, match="same presentations"):
        sign_flip([(good, samples_of(np.zeros(3), np.array([1, 0, 1])))], clusters, Weighted.auc)


def test_equal_systems_are_told_apart_as_often_as_the_level_says() -> None:
    """Sixty comparisons of two systems that differ by chance alone: at 5 %, more than eight come once in a hundred."""
    small = 0
    for trial in range(60):
        first, clusters = people(10, 1, seed=2 * trial)
        second, _ = people(10, 1, seed=2 * trial + 1)
        small += sign_flip([(ranked(first), ranked(second))], clusters, Weighted.auc).p <= 0.05
    assert small <= 8


def test_decisions_and_ranks_are_of_one_scale() -> None:
    samples = samples_of(np.array([-np.inf, 0.4, 0.5, 0.5, 9.0]), np.array([1, 0, 1, 0, 1]))
    assert decided(samples, 0.5).scores.tolist() == [0, 0, 1, 1, 1]  # a score at the threshold is accepted
    assert ranked(samples).scores.tolist() == [-np.inf, 2, 3.5, 3.5, 5]


def test_corrected_p_values_by_hand() -> None:
    assert holm([0.04]) == [0.04] and holm([]) == []
    # Ascending 0.01 0.02 0.03 0.5: times 4, 3, 2, 1: 0.04 0.06 0.06 0.5.
    assert holm([0.5, 0.02, 0.01, 0.03]) == pytest.approx([0.5, 0.06, 0.04, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0]


def test_the_band_of_a_curve_that_knows_little_lies_low() -> None:
    scores = np.random.default_rng(4).random(160)
    samples = samples_of(scores, np.tile([1, 0], 80))
    band = roc_band(samples, Clusters(np.repeat(np.arange(80), 2), np.zeros(80, int), 80, 0), resamples=50)
    assert band is not None
    assert (
        band.high[0] < 0.2 and 0.2 < band.low[25 + 20] < band.high[25 + 20] < 0.9
    )  # of no attack; of some half of them


def test_rates_of_a_resample_are_those_of_its_samples_repeated() -> None:
    """(FAR, FRR) at each threshold, against samples that are written down as often as they are drawn."""
    rng = np.random.default_rng(2)
    scores, labels = rng.integers(0, 6, 24).astype(float), rng.integers(0, 2, 24)
    labels[:2] = 0, 1
    weights = rng.integers(0, 4, (5, 24))
    weights[:, :2] = 1
    far, frr = Weighted(ScoreOrder(samples_of(scores, labels)), weights).rates()
    for drawn, x, y in zip(weights, far, frr, strict=True):
        repeated, of = np.repeat(scores, drawn), np.repeat(labels, drawn)
        expected = {
            ((repeated[of == 0] >= limit).mean().round(9), (repeated[of == 1] < limit).mean().round(9))
            for limit in [*np.unique(scores), np.inf]
        }
        assert set(zip(x.round(9), y.round(9), strict=True)) == expected


def test_of_many_samples_fewer_exchanges_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four numbers a sample and exchange: of 32 samples 250 exchanges are 32,000."""
    monkeypatch.setattr("fastrain.evaluation.statistics.clusters._MOST_WORK", 32_000)
    (more, clusters), (less, _) = people(16, 1, shift=1.2), people(16, 1, seed=9, shift=0.8)
    test = sign_flip([(ranked(more), ranked(less))], clusters, Weighted.auc, draws=1000)
    assert test.smallest == pytest.approx(1 / 251)


def test_a_threshold_may_reject_all_but_scores_without_end() -> None:
    """Two bona fide scores are infinite: a threshold below them, above all attacks, makes no error."""
    samples = samples_of(np.array([0.0, 1.0, np.inf, np.inf]), np.array([0, 0, 1, 1]))
    assert Weighted(ScoreOrder(samples), np.ones((1, 4), int)).min_hter().tolist() == [0.0]


def test_as_many_resamples_are_drawn_as_were_asked_for() -> None:
    labels = np.tile([1, 0], 20)
    clusters = Clusters(np.repeat(np.arange(20), 2), np.zeros(20, int), 20, 0)
    assert [len(rows) for rows in clusters.draws(labels, 10, seed=0, chunk=4)] == [4, 4, 2]


def test_a_bona_fide_score_that_an_attack_has_too_is_rejected_where_no_attack_may_pass() -> None:
    samples = samples_of(np.full(160, 0.5), np.tile([1, 0], 80))
    band = roc_band(samples, Clusters(np.repeat(np.arange(80), 2), np.zeros(80, int), 80, 0), resamples=50)
    assert band is not None and band.low[0] == 0 and band.high[0] < 0.1
