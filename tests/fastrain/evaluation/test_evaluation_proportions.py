"""Intervals of proportions: against scipy's exact ones, what they have to keep, and how often they hold."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from fastrain.evaluation.measures import AT, BEST, FREE
from fastrain.evaluation.scores import Samples
from fastrain.evaluation.statistics.clusters import Clusters
from fastrain.evaluation.statistics.edges import Decided, auc_interval
from fastrain.evaluation.statistics.proportions import (
    RULES,
    Interval,
    clopper_pearson,
    corrected,
    effective_size,
    mean_of_two,
    proportion_interval,
    rules_note,
    with_seeds,
    worst_of,
)
from tests.fastrain.evaluation.strategies import score_sets

# Errors and clips of each person.
PEOPLE = st.lists(
    st.integers(1, 12).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1, max_size=12
)


def presented(people: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return (wrong, unit) of the presentations of these people."""
    wrong = np.concatenate([np.arange(of) < errors for errors, of in people])
    return wrong, np.repeat(np.arange(len(people)), [of for _, of in people])


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.sampled_from([0.8, 0.95]))
def test_one_clip_a_person_is_clopper_and_pearsons_own(case: tuple[int, int], level: float) -> None:
    errors, people = case
    wrong, unit = presented([(int(i < errors), 1) for i in range(people)])
    interval = proportion_interval(wrong, unit, level=level)
    exact = binomtest(errors, people).proportion_ci(level, method="exact")
    assert (interval.low, interval.high) == pytest.approx((exact.low, exact.high), abs=1e-9)
    assert interval.size == pytest.approx(people)


@given(PEOPLE)
def test_an_interval_has_a_width_and_holds_its_estimate(people: list[tuple[int, int]]) -> None:
    wrong, unit = presented(people)
    interval = proportion_interval(wrong, unit)
    assert 0 <= interval.low <= wrong.mean() <= interval.high <= 1
    assert interval.high - interval.low > 0.01
    assert (interval.low == 0) == (not wrong.any()) and 1 <= interval.size <= len(wrong) + 1e-9
    mirrored = proportion_interval(~wrong, unit)
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((interval.low, interval.high), abs=1e-9)


@given(PEOPLE, st.integers(2, 5))
def test_copies_of_clips_tell_nothing_new(people: list[tuple[int, int]], times: int) -> None:
    wrong, unit = presented(people)
    whole, copied = proportion_interval(wrong, unit), proportion_interval(np.tile(wrong, times), np.tile(unit, times))
    assert copied.low <= whole.low + 1e-12 and copied.high >= whole.high - 1e-12


@given(st.integers(1, 40))
def test_with_one_clip_each_more_errors_move_both_ends_up(people: int) -> None:
    ends = [proportion_interval(np.arange(people) < errors, np.arange(people)) for errors in range(people + 1)]
    assert all(a.low <= b.low and a.high <= b.high for a, b in pairwise(ends))
    assert len({end.high for end in ends[:-1]}) == people


def test_what_a_design_effect_does_by_hand() -> None:
    # Ten people of two clips, half of them wrong in both: clips of a person are copies, ten presentations.
    assert effective_size([2] * 5 + [0] * 5, [2] * 10) == pytest.approx(10)
    # One in each clip pair: errors less half the clips are 0, so the least design effect, 1, for ten erring people, and
    # the prior's, 2, for two: 20 / ((10 * 1 + 2 * 2) / 12) = 17.14.
    assert effective_size([1] * 10, [2] * 10) == pytest.approx(20 * 12 / 14)
    # A heavier prior keeps more of the people's own weight; without one the estimate stands alone.
    assert effective_size([1] * 10, [2] * 10, prior=10.0) == pytest.approx(20 * 20 / 30)
    assert effective_size([1] * 10, [2] * 10, prior=1e-9) == pytest.approx(20)
    # 30 people, 4 clips; 10 err once, 5 twice, 3 in all: 32 of 120. Residuals n * 32/120 = 16/15: 12 (16/15)^2 +
    # 10 (1/15)^2 + 5 (14/15)^2 + 3 (44/15)^2 = 43.8667; over 120^2, times 30/29: 0.00315134. Times 120 over
    # (4/15)(11/15) is 1.93379, times Student's (2.04523 / 1.98010)^2 = 1.06687: 2.0631. 18 erring people, a prior of
    # two: 120 * 20 / (18 * 2.0631 + 2 * 4) = 53.173.
    assert effective_size([1] * 10 + [2] * 5 + [4] * 3 + [0] * 12, [4] * 30) == pytest.approx(53.173, abs=0.001)
    # Forty clips of one person and one of each of two others are worth little more than one person: 42^2 / 1602.
    assert effective_size([0, 0, 0], [40, 1, 1]) == pytest.approx(42**2 / 1602)
    # Flips of ten moves: 0.2 of one clip and 0.4 of two. No spread; (1 + 4) / 3 clips of the person of a random clip:
    # two erring people and the prior's two make 3 * 4 / (2 * 1 + 2 * 5/3) = 2.25. The same for copies of the clips.
    assert effective_size([0.2, 0.4], [1, 2], steps=10) == pytest.approx(2.25)
    assert effective_size([0.4, 0.8], [2, 4], steps=10) == pytest.approx(2.25)


@pytest.mark.parametrize("clips", [1, 10])
@pytest.mark.parametrize("alike", [0.0, 0.5])
@pytest.mark.parametrize(("people", "rate"), [(15, 0.001), (15, 0.05), (60, 0.01), (60, 0.2)])
def test_an_interval_holds_as_often_as_it_says(people: int, rate: float, alike: float, clips: int) -> None:
    rng = np.random.default_rng(0)
    own = rng.beta(rate / alike - rate, (1 - rate) / alike - (1 - rate), (2000, people)) if alike else rate
    errors = rng.binomial(clips, own, (2000, people))
    size = effective_size(errors, np.full((2000, people), clips))
    low, high = clopper_pearson(size * errors.sum(axis=1) / (people * clips), size)
    assert ((low <= rate) & (rate <= high)).mean() >= 0.93


def test_the_worst_of_several_rates() -> None:
    rates, strict = [Interval(0.1, 0.3), Interval(0.2, 0.25)], [Interval(0.05, 0.4), Interval(0.15, 0.3)]
    worst = worst_of(rates, strict)
    assert (worst.low, worst.high, worst.rule) == (0.15, 0.3, "worst")
    assert corrected(0.95, 1) == pytest.approx(0.95) and corrected(0.9, 4) == pytest.approx(0.975)


def test_two_rates_are_joined_by_hand() -> None:
    none, few = Interval(0.0, 0.3, size=10.0), Interval(0.0, 0.4, size=10.0)
    joined = mean_of_two((0.0, none), (0.0, few))
    assert (joined.low, joined.high) == (0.0, pytest.approx(0.25))  # 0.3, 0.4, 0.5; half
    together = mean_of_two((0.0, none), (0.0, few), correlation=1.0)
    assert together.high == pytest.approx(0.35)  # as if they were one: (0.3 + 0.4) / 2
    assert mean_of_two((0.0, none), (0.0, few), correlation=-0.5).high == joined.high
    # One error of a hundred each: joined squares would begin at 0.01 - 0.0098 / sqrt(2); the exact one of two errors in
    # 200 begins at 0.0012.
    lone = Interval(*map(float, clopper_pearson(1, 100)), size=100.0)
    assert mean_of_two((0.01, lone), (0.01, lone)).low == pytest.approx(float(clopper_pearson(2, 200)[0]))


def test_seeds_widen_what_people_give() -> None:
    people = Interval(0.1, 0.3, 0.05, "joined")
    assert with_seeds(people, np.array([0.2]), 30) is people
    same = with_seeds(people, np.array([0.2, 0.2, 0.2]), 30)
    assert (same.low, same.high, same.sd, same.rule) == pytest.approx((0.1, 0.3, 0.05, "two-level"))
    sure = with_seeds(Interval(0.2, 0.2), np.array([0.2, 0.2]), 30)
    assert (sure.low, sure.high) == (0.2, 0.2)  # nothing varies at all
    # Seeds 0.1 and 0.3: variance of the mean 0.02 / 2; people of no width leave one degree of freedom: 12.706 * 0.1.
    assert with_seeds(Interval(0.2, 0.2), np.array([0.1, 0.3]), 30).high == 1.0
    # 0.19 and 0.21: 0.0002 / 2 = 1e-4; people (0.1 / 1.96)^2 = 2.603e-3. Degrees of freedom 2.703e-3^2 over
    # (6.777e-6 / 29 + 1e-8 / 1) are 29.98; Student's 2.0424 * 0.01 = 0.02042; hypotenuse with 0.1: 0.10206.
    assert with_seeds(people, np.array([0.19, 0.21]), 30).high == pytest.approx(0.30206, abs=1e-5)
    # Three people have two degrees of freedom: 7.306e-6 / (6.777e-6 / 2 + 1e-8) are 2.150, Student's quantile 4.027.
    assert with_seeds(people, np.array([0.19, 0.21]), 3).high == pytest.approx(0.2 + np.hypot(0.1, 0.04027), abs=1e-5)


@given(score_sets(), st.integers(1, 8), st.booleans())
def test_every_metric_lies_in_its_interval_and_is_never_sure(case: tuple, people: int, lost: bool) -> None:
    scores, labels = case
    if lost:
        scores = np.where(np.arange(len(scores)) % 5 == 0, -np.inf, scores)
    species = np.array([("print", "replay")[i % 2] for i in range(len(scores))], object)
    samples = Samples(scores, labels, species, np.arange(len(scores)))
    clusters = Clusters(np.arange(len(scores)) % people, np.zeros(people, int), people, 0)
    for metric in (*FREE, BEST, *AT):
        value = metric.plain(samples, 0.25)
        if np.isnan(value):
            continue
        interval = metric.interval([(samples, 0.25)], clusters)
        assert 0 <= interval.low <= value + 1e-9 and value - 1e-9 <= interval.high <= 1, metric.name
        assert interval.high - interval.low > 0.01 and interval.rule in RULES, metric.name
        drawn = metric.interval([(samples, 0.25)], clusters, np.array([value, value]))
        assert (drawn.low, drawn.high) == (min(interval.low, value), max(interval.high, value))
        assert drawn.rule == ("resampled" if metric.resampled else interval.rule)


def test_the_mean_of_networks_counts_shares_of_their_errors() -> None:
    labels, names = np.array([1, 1, 0, 0]), np.array(["p"] * 4, object)
    networks = [(Samples(np.array(scores), labels, names, np.arange(4)), 0.5)
                for scores in ([0.9, 0.1, 0.2, 0.1], [0.9, 0.9, 0.2, 0.9])]  # fmt: skip
    decided = Decided.at(networks, Clusters(np.arange(4), np.zeros(4, int), 4, 0))
    assert decided.wrong.tolist() == [0, 0.5, 0, 0.5] and decided.steps == 2
    half = tuple(map(float, clopper_pearson(0.5, 2)))
    assert (decided.bpcer().low, decided.bpcer().high) == pytest.approx(half)
    assert (decided.tpr().low, decided.tpr().high) == pytest.approx((1 - half[1], 1 - half[0]))


def test_people_who_err_on_both_sides_make_a_mean_less_sure() -> None:
    labels, unit = np.repeat([1, 0], 20), np.tile(np.arange(20), 2)
    kinds = {"p": labels == 0}
    errs = np.arange(20) < 6
    both = Decided(labels, kinds, unit, np.concatenate([errs, errs]).astype(float))
    either = Decided(labels, kinds, unit, np.concatenate([errs, errs[::-1]]).astype(float))
    assert both.hter().high > either.hter().high + 0.03 and both.hter().low < either.hter().low - 0.02
    assert both.bpcer() == either.bpcer()


def test_every_rule_has_words() -> None:
    assert rules_note("exact").startswith("exact: Clopper-Pearson")
    assert all(f"{name}: " in rules_note() for name in ("exact", "worst", "joined", "resampled"))
    assert "two-level" not in rules_note()


def test_errors_of_two_networks_are_halves_and_no_copies() -> None:
    """Three people of two clips, of which two erred in one clip by one of two networks.

    1/12 of a presentation's errors: 1/2 0 1/2 less a sixth of the clips are 1/6 -1/3 1/6, squared and summed 1/6, over
    36, times 3/2: 1/144; times 6 over (1/6)(5/6) it is 0.3, times Student's (4.3027 / 2.5706)^2 = 2.80 still below 1,
    so clips are worth themselves to the two who err, and half of that to a prior of two: 6 (2 + 2) / (2 + 2 * 2) = 4.
    """
    assert effective_size([0.5, 0.0, 0.5], [2, 2, 2], steps=2) == pytest.approx(4.0)
    assert effective_size([1.0, 0.0, 1.0], [4, 4, 4], steps=2) == pytest.approx(4.0)  # copies tell nothing new


def test_two_people_are_worth_two_unless_they_agree() -> None:
    # 2 0 errors of 2 2 clips could be copies: a clip each, 2 (1 + 2) / (1 * 1 + 2 * 1) = 2.
    assert effective_size([2.0, 0.0], [2, 2]) == pytest.approx(2.0)
    # 1 0 of 3 3: 1/2 -1/2, squared and summed 1/2, over 36, times 2 is 1/36; times 6 over 5/36 is 1.2, times Student's
    # (12.706 / 2.571)^2 = 24.4 above the three clips of each: 6 (1 + 2) / (1 * 3 + 2 * 3) = 2.
    assert effective_size([1.0, 0.0], [3, 3]) == pytest.approx(2.0)
    # 5 6 of 100 100: 1/2 likewise, over 40,000, times 2 is 1/40,000; times 200 over 0.055 * 0.945 is 0.0962, times
    # (12.7062 / 1.97196)^2 = 41.518 is 3.9940: 200 (2 + 2) / (2 * 3.9940 + 2 * 100) = 3.8464.
    assert effective_size([5.0, 6.0], [100, 100]) == pytest.approx(3.8464, abs=1e-4)


def test_an_auc_of_nothing_right_is_known_as_well_as_one_of_everything_right() -> None:
    """Ten live people and three who attack: three count, 1 - 0.025^(1/3) = 0.7076 from the end on either side."""
    labels, kinds = np.array([1] * 10 + [0] * 3), np.array(["bonafide"] * 10 + ["print"] * 3, object)
    clusters = Clusters(np.arange(13), np.zeros(13, int), 13, 0)
    for scores, auc, ends in ((labels, 1.0, (0.2924, 1.0)), (1 - labels, 0.0, (0.0, 0.7076))):
        interval = auc_interval([Samples(scores.astype(float), labels, kinds, np.arange(13))], clusters, auc, 0.0)
        assert (interval.low, interval.high) == pytest.approx(ends, abs=5e-5)


def test_who_errs_in_both_classes_makes_their_mean_less_sure_by_hand() -> None:
    """Four people, a clip of each class; the first errs in both, the second as an attack alone.

    Less their rates of 1/4 and 1/2: live 3/4 -1/4 -1/4 -1/4, attacks 1/2 1/2 -1/2 -1/2. Their product is 1/2, and the
    squares are 3/4 and 1: 1/2 over the root of 3/4 is 0.5774.
    """
    labels, unit = np.tile([1, 0], 4), np.repeat(np.arange(4), 2)
    wrong = np.array([1, 1, 0, 1, 0, 0, 0, 0], float)
    decided = Decided(labels, {"print": labels == 0}, unit, wrong)
    rates = (0.5, proportion_interval(wrong[1::2], np.arange(4))), (0.25, proportion_interval(wrong[::2], np.arange(4)))
    interval, by_hand = decided.hter(), mean_of_two(*rates, 0.57735)
    assert (interval.low, interval.high) == pytest.approx((by_hand.low, by_hand.high), abs=1e-5)
