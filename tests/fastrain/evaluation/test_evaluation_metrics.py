"""The metrics against scikit-learn, torchmetrics and counting by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasdata.errors import UserError
from fastrain.evaluation.metrics.counts import ClassScores, Counts
from fastrain.evaluation.metrics.curve import Roc, auc, eer, min_hter, tpr_at_fpr
from fastrain.evaluation.metrics.rates import acer_max, acer_pooled, apcer_by_species, apcer_max, bpcer, hter
from fastrain.evaluation.metrics.reference import variant
from tests.fastrain.evaluation.strategies import score_sets

Pair = tuple[np.ndarray, np.ndarray]


def counted(scores: np.ndarray, labels: np.ndarray, threshold: float) -> tuple[float, float]:
    """FAR and FRR one sample at a time."""
    attacks = [s for s, y in zip(scores, labels, strict=True) if y == 0]
    live = [s for s, y in zip(scores, labels, strict=True) if y == 1]
    return sum(s >= threshold for s in attacks) / len(attacks), sum(s < threshold for s in live) / len(live)


@given(score_sets())
def test_roc_and_auc_are_those_of_scikit_learn(pair: Pair) -> None:
    from sklearn.metrics import roc_auc_score, roc_curve

    scores, labels = pair
    fpr, tpr, thresholds = roc_curve(labels, scores, drop_intermediate=False)
    roc = Roc.of(scores, labels)
    np.testing.assert_array_equal(roc.threshold, thresholds)
    np.testing.assert_allclose(roc.fpr, fpr, rtol=0, atol=1e-15)
    np.testing.assert_allclose(roc.tpr, tpr, rtol=0, atol=1e-15)
    assert auc(scores, labels) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)


@given(score_sets(size=20))
def test_auc_counts_pairs_and_ties_half(pair: Pair) -> None:
    scores, labels = pair
    live, spoof = scores[labels == 1], scores[labels == 0]
    won = sum((a > b) + 0.5 * (a == b) for a in live for b in spoof)
    assert auc(scores, labels) == pytest.approx(won / (live.size * spoof.size), abs=1e-15)


def test_roc_auc_and_eer_agree_with_torchmetrics() -> None:
    import torch
    from torchmetrics.functional.classification import binary_auroc, binary_roc

    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 400)
    scores = np.round(1 / (1 + np.exp(-(rng.normal(size=400) + labels))), 2)  # two digits: many ties
    logits, targets = torch.tensor(scores), torch.tensor(labels)
    fpr, tpr, _ = binary_roc(logits, targets)
    roc = Roc.of(scores, labels)
    np.testing.assert_allclose(roc.fpr, fpr.numpy(), rtol=0, atol=1e-6)
    np.testing.assert_allclose(roc.tpr, tpr.numpy(), rtol=0, atol=1e-6)
    assert auc(scores, labels) == pytest.approx(float(binary_auroc(logits, targets)), abs=1e-6)
    gap = (fpr - (1 - tpr)).abs().argmin()
    assert eer(scores, labels).hter == pytest.approx(float(fpr[gap] + 1 - tpr[gap]) / 2, abs=1e-6)


@given(score_sets(), st.integers(-9, 9).map(lambda n: n / 8))
def test_rates_at_a_threshold_are_those_counted(pair: Pair, threshold: float) -> None:
    scores, labels = pair
    far, frr = counted(scores, labels, threshold)
    assert bpcer(scores, labels, threshold) == frr
    assert hter(scores, labels, threshold) == (far + frr) / 2
    assert acer_pooled(scores, labels, threshold) == hter(scores, labels, threshold)
    counts = Counts.at(ClassScores.of(scores, labels), [threshold, np.inf, -np.inf])
    assert counts.far.tolist() == [far, 0, 1]
    assert counts.frr.tolist() == [frr, 1, 0]


@given(score_sets())
def test_no_threshold_beats_min_hter_and_eer_is_where_the_rates_meet(pair: Pair) -> None:
    scores, labels = pair
    every = [counted(scores, labels, t) for t in [np.inf, *scores]]
    best, equal = min_hter(scores, labels), eer(scores, labels)
    assert best.hter == pytest.approx(min(sum(rates) / 2 for rates in every), abs=1e-12)
    assert abs(equal.far - equal.frr) == pytest.approx(min(abs(a - b) for a, b in every), abs=1e-12)
    for point in (best, equal):
        # The threshold gives the rates it stands beside, moved between two scores or not.
        assert counted(scores, labels, point.threshold) == (point.far, point.frr)


@given(score_sets(), st.sampled_from([0.0, 0.05, 0.1, 0.5, 1.0]))
def test_tpr_at_fpr_is_the_best_that_keeps_the_limit(pair: Pair, limit: float) -> None:
    scores, labels = pair
    every = [counted(scores, labels, t) for t in [np.inf, *scores]]
    assert tpr_at_fpr(scores, labels, limit) == pytest.approx(1 - min(b for a, b in every if a <= limit), abs=1e-12)


@given(score_sets(), st.randoms(use_true_random=False))
def test_apcer_is_counted_species_by_species(pair: Pair, random: object) -> None:
    scores, labels = pair
    species = np.array([random.choice(["print", "replay", "mask-3d"]) for _ in scores])  # type: ignore[attr-defined]
    rate_of = apcer_by_species(scores, labels, species, 0.25)
    assert set(rate_of) == set(species[labels == 0])
    for name, rate in rate_of.items():
        those = scores[(labels == 0) & (species == name)]
        assert rate == sum(s >= 0.25 for s in those) / len(those)
    assert apcer_max(scores, labels, species, 0.25) == max(rate_of.values())
    assert acer_max(scores, labels, species, 0.25) == (max(rate_of.values()) + bpcer(scores, labels, 0.25)) / 2


def test_acer_max_and_acer_pooled_differ_where_species_do() -> None:
    # Threshold 0.5. print: 0 of 3 accepted; replay: 1 of 1 accepted; bona fide: 1 of 2 rejected.
    scores, labels = [0.1, 0.2, 0.3, 0.9, 0.4, 0.8], [0, 0, 0, 0, 1, 1]
    species = ["print", "print", "print", "replay", "bonafide", "bonafide"]
    assert apcer_by_species(scores, labels, species, 0.5) == {"print": 0.0, "replay": 1.0}
    assert acer_max(scores, labels, species, 0.5) == (1.0 + 0.5) / 2
    assert acer_pooled(scores, labels, 0.5) == (0.25 + 0.5) / 2


@given(score_sets())
def test_a_rising_map_of_the_scores_changes_no_rate(pair: Pair) -> None:
    scores, labels = pair
    ranks = np.unique(scores, return_inverse=True)[1].astype(float)
    assert auc(ranks, labels) == auc(scores, labels)
    assert eer(ranks, labels).hter == eer(scores, labels).hter
    assert min_hter(ranks, labels).hter == min_hter(scores, labels).hter


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_alone_gives_nan_except_for_its_own_rate(label: int) -> None:
    scores, labels = [0.2, 0.5, 0.9], [label] * 3
    for value in (auc(scores, labels), eer(scores, labels).hter, min_hter(scores, labels).threshold,
                  hter(scores, labels, 0.5), tpr_at_fpr(scores, labels, 0.05)):  # fmt: skip
        assert math.isnan(value)
    far, frr = (2 / 3, math.nan) if label == 0 else (math.nan, 1 / 3)
    counts = Counts.at(ClassScores.of(scores, labels), 0.5)
    np.testing.assert_equal([float(counts.far), float(counts.frr)], [far, frr])
    assert ClassScores.of(scores, labels).missing == ("no bona fide" if label == 0 else "no attack")


def test_nothing_at_all_gives_nan() -> None:
    assert math.isnan(auc([], [])) and math.isnan(eer([], []).hter) and math.isnan(bpcer([], [], 0.5))
    assert apcer_by_species([], [], [], 0.5) == {} and math.isnan(apcer_max([], [], [], 0.5))
    assert Roc.of([], []).threshold.tolist() == [np.inf]
    assert ClassScores.of([], []).missing == "no sample"


def test_all_scores_equal_can_only_be_taken_or_left() -> None:
    point = eer([0.5] * 4, [1, 1, 0, 0])
    assert (point.threshold, point.far, point.frr, point.hter) == (np.inf, 0.0, 1.0, 0.5)
    assert auc([0.5] * 4, [1, 1, 0, 0]) == 0.5


def test_an_infinite_score_is_ordered_and_minus_infinity_is_never_accepted() -> None:
    scores, labels = [-np.inf, 0.4, 0.6, np.inf, -np.inf, 0.5], [1, 1, 1, 1, 0, 0]
    # Against the attack at -inf: one tie, three won; against the one at 0.5: two won. 5.5 of 8 pairs.
    assert auc(scores, labels) == 5.5 / 8
    assert bpcer(scores, labels, -1e300) == 0.25
    for point in (eer(scores, labels), min_hter(scores, labels)):
        assert np.isfinite(point.threshold)


def test_threshold_lies_between_the_classes_when_they_are_apart() -> None:
    # Bona fide from 0.75 up, attacks up to 0.25: the middle, not the edge of either.
    assert eer([0.75, 0.8, 0.25, 0.1], [1, 1, 0, 0]).threshold == 0.5
    assert min_hter([0.75, 0.8, 0.25, 0.1], [1, 1, 0, 0]).threshold == 0.5


def test_threshold_between_two_neighbouring_floats_still_separates_them() -> None:
    above = np.nextafter(0.5, 1)
    assert eer([above, 0.5], [1, 0]).threshold == above
    assert hter([above, 0.5], [1, 0], eer([above, 0.5], [1, 0]).threshold) == 0


def test_wrong_input_is_one_line() -> None:
    wrong = {
        "NaN at position 1": ([0.1, np.nan], [0, 1]),
        "found 2": ([0.1, 0.2], [0, 2]),
        "shapes": ([0.1, 0.2], [0]),
    }
    for words, (scores, labels) in wrong.items():
        with pytest.raises(UserError, match=words) as caught:
            auc(scores, labels)
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="threshold is not a number"):
        hter([0.1, 0.2], [0, 1], np.nan)
    with pytest.raises(UserError, match="threshold is not a number"):
        apcer_by_species([0.1, 0.2], [0, 1], ["print", ""], np.nan)
    with pytest.raises(UserError, match="2 scores, 1 species"):
        apcer_by_species([0.1, 0.2], [0, 1], ["print"], 0.5)
    with pytest.raises(UserError, match="from 0 to 1"):
        tpr_at_fpr([0.1, 0.2], [0, 1], 5)


@pytest.mark.parametrize("name", ["hfn", "gac", "legacy"])
def test_variants_refuse_what_has_no_answer(name: str) -> None:
    with pytest.raises(UserError, match="at least one"):
        variant(name)([], [])
    with pytest.raises(UserError, match="not a number"):
        variant(name)([0.1, np.nan], [0, 1])


def test_an_unknown_variant_names_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'hfn'"):
        variant("hfn_mp")


@given(score_sets(size=20))
def test_gac_takes_the_first_of_the_points_nearest_to_the_diagonal(pair: Pair) -> None:
    scores, labels = pair
    numbers = variant("gac")(scores, labels)
    cuts = [np.inf, *sorted(set(scores), reverse=True)]
    rates = [counted(scores, labels, cut) for cut in cuts]
    gaps = [abs((1 - frr) + far - 1) for far, frr in rates]
    index = int(numbers["EER_INDEX"])
    assert gaps[index] == pytest.approx(min(gaps), abs=1e-12)
    assert all(gap > gaps[index] - 1e-12 for gap in gaps[:index])
    assert numbers["EER_THR"] == cuts[index]
    assert numbers["HTER"] == pytest.approx(sum(rates[index]) / 2, abs=1e-12)


def test_legacy_takes_the_last_of_equal_thresholds_and_hfn_the_first() -> None:
    # No score lies between 0.2 and 0.8: every grid value above the attack up to the bona fide score is as good.
    scores, labels = [0.2, 0.8], [0, 1]
    assert variant("legacy")(scores, labels)["EER_THR"] == 0.8
    assert variant("hfn")(scores, labels)["EER_THR"] == pytest.approx(0.2 + 0.6 / 100_000, abs=1e-12)


def test_hfns_grid_ends_at_the_highest_score() -> None:
    # The attack is a tenth of a cell below the bona fide score at 1: the highest grid value alone parts them.
    numbers = variant("hfn")([1.0, 0.0, 1 - 1e-6], [1, 0, 0])
    assert (numbers["MIN_HTER"], numbers["MIN_HTER_THR"], numbers["EER"], numbers["EER_THR"]) == (0.0, 1.0, 0.0, 1.0)


@pytest.mark.parametrize("samples", [3, 60, 20_000])
def test_a_thinned_curve_is_short_and_lies_on_the_full_one(samples: int) -> None:
    rng = np.random.default_rng(samples)
    labels = np.append([0, 1], rng.integers(0, 2, samples))
    scores = rng.normal(size=labels.size) + labels
    roc = Roc.of(scores, labels)
    fpr, tpr = roc.thinned()
    assert fpr.size <= 500
    assert (fpr[0], tpr[0], fpr[-1], tpr[-1]) == (0, 0, 1, 1)
    full = set(zip(roc.fpr, roc.tpr, strict=True))
    assert set(zip(fpr, tpr, strict=True)) <= full
    assert np.trapezoid(tpr, fpr) == pytest.approx(auc(scores, labels), abs=1e-12 if samples < 500 else 1e-3)


def test_the_later_script_of_mmdg_looks_at_turns_alone() -> None:
    """Live 0.9, attacks 0.8 0.7 0.6, live 0.5: without the two middle attacks, the points are +inf 0.9 0.6 0.5.

    |TPR + FPR - 1| is 1, 1/2, 1/2 and 1 there: the first of the two, which lets no attack through and half of the live.
    0.9 itself counts as wrong: right are the three attacks of five.
    """
    numbers = variant("mmdg")([0.9, 0.5, 0.8, 0.7, 0.6], [1, 1, 0, 0, 0])
    assert numbers == {
        "ACC": 0.6, "AUC": 0.5, "HTER": 0.25, "FPR": 0.0, "TPR": 0.5, "THR": 0.9, "POINTS": 4.0,
    }  # fmt: skip
    # Of two distinct scores both stay, whatever lies between.
    assert variant("mmdg")([0.9, 0.1], [1, 0])["POINTS"] == 3.0


def test_mmdgs_curve_begins_above_all_scores_and_loses_the_middle_of_three_points() -> None:
    # One point beside (0, 0) at +inf: both are 1 from |TPR + FPR - 1| = 0, and the first is taken.
    alike = variant("mmdg")([0.5, 0.5], [1, 0])
    assert (alike["THR"], alike["TPR"], alike["POINTS"]) == (np.inf, 0.0, 2.0)
    assert variant("mmdg")([3.0, 2.0, 1.0], [1, 0, 0])["POINTS"] == 3.0
