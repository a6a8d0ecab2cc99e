"""A threshold for a place: it keeps its promise on unseen people, and refuses too few."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fasdata.errors import UserError
from fastrain.evaluation.place_threshold import (
    Promise,
    drawn_thresholds,
    place_threshold,
    threshold_interval,
    upper_bound,
)


def place(rng: np.random.Generator, people: int, clips: int = 4) -> tuple[np.ndarray, np.ndarray, list[str], list[str]]:
    """Scores of people who differ from one another more than their clips do."""
    scores, bonafide, who, species = [], [], [], []
    for person in range(people):
        habit = rng.normal(0, 1)
        for kind, middle in (("", 1.5), ("print", -1.0), ("replay", -0.5)):
            scores += list(rng.normal(middle + habit, 0.4, clips))
            bonafide += [not kind] * clips
            who += [f"p{person}"] * clips
            species += [kind] * clips
    return np.array(scores), np.array(bonafide), who, species


EVERYONE = place(np.random.default_rng(999), 3000)  # the truth needs many people


def rate(promise: Promise, threshold: float) -> float:
    scores, bonafide, _, species = EVERYONE
    if promise.rate == "bpcer":
        return float((scores[bonafide] < threshold).mean())
    kinds = np.array(species)
    return max(float((scores[~bonafide & (kinds == kind)] >= threshold).mean()) for kind in ("print", "replay"))


@pytest.mark.parametrize(("text", "people"), [("bpcer<=0.05", 60), ("bpcer<=0.1", 40), ("apcer<=0.1", 80)])
def test_the_promise_holds_for_unseen_people_in_nine_of_ten_places(text, people):
    promise = Promise.parse(text)
    assert 0 < rate(promise, 0) < 1
    kept = sum(
        rate(promise, place_threshold(promise, *place(np.random.default_rng(seed), people)).value) <= promise.limit
        for seed in range(100)
    )
    assert kept >= 90


def test_too_few_people_are_refused_with_the_number_that_it_takes():
    scores = place(np.random.default_rng(0), 5)
    with pytest.raises(UserError, match=r"5 people .* can promise nothing of bpcer<=0.05; expected 45 or more"):
        place_threshold(Promise.parse("bpcer<=0.05"), *scores)
    with pytest.raises(UserError, match="attacks of the species print"):
        place_threshold(Promise.parse("apcer<=0.05"), *scores)
    promise = Promise.parse("bpcer<=0.1")
    assert promise.people == 22
    place_threshold(promise, *place(np.random.default_rng(1), 22))
    with pytest.raises(UserError, match="expected 22 or more"):
        place_threshold(promise, *place(np.random.default_rng(1), 21))


def test_many_clips_of_few_people_count_as_few_people():
    with pytest.raises(UserError, match="5 people"):
        place_threshold(Promise.parse("bpcer<=0.05"), *place(np.random.default_rng(0), 5, clips=100))


def test_people_without_a_name_are_refused():
    scores, bonafide, who, species = place(np.random.default_rng(0), 60)
    with pytest.raises(UserError, match="4 presentations name no person"):
        place_threshold(Promise.parse("bpcer<=0.05"), scores, bonafide, ["" if w == "p3" else w for w in who], species)


def test_what_has_no_score_counts_as_rejected_and_the_threshold_is_the_best_that_keeps_the_limit():
    who = [f"p{n}" for n in range(100)]
    scores = np.arange(100.0)
    everyone = np.ones(100, bool)
    promise = Promise.parse("bpcer<=0.05")
    taken = place_threshold(promise, scores, everyone, who, [""] * 100)
    rejected = int((scores < taken.value).sum())
    assert upper_bound(rejected, 100) <= 0.05 < upper_bound(rejected + 1, 100)
    assert taken.observed == rejected / 100 and taken.people == taken.presentations == 100
    scores[-1] = np.nan
    assert place_threshold(promise, scores, everyone, who, [""] * 100).value < taken.value or rejected == 0
    attacks = place_threshold(Promise.parse("apcer<=0.05"), np.arange(100.0), ~everyone, who, ["print"] * 100)
    accepted = int((np.arange(100.0) >= attacks.value).sum())
    assert upper_bound(accepted, 100) <= 0.05 < upper_bound(accepted + 1, 100)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 60), st.integers(1, 300))
def test_the_bound_is_above_what_was_seen_and_falls_with_people(errors, people):
    errors = min(errors, people)
    bound = upper_bound(errors, people)
    assert errors / people <= bound <= 1
    assert upper_bound(errors, people * 2) <= bound


@pytest.mark.parametrize("text", ["bpcer<0.05", "hter<=0.1", "bpcer<=0.9", "apcer<=0", "bpcer<=five", ""])
def test_a_policy_that_is_none_is_refused(text):
    with pytest.raises(UserError, match="expected bpcer<="):
        Promise.parse(text)


@pytest.mark.parametrize("text", ["bpcer<=0.1", "apcer<=0.1"])
@pytest.mark.parametrize("seed", range(8))
def test_everybody_drawn_once_gives_the_threshold_itself(text, seed):
    promise, rng = Promise.parse(text), np.random.default_rng(seed)
    scores, bonafide, who, species = place(rng, 40, clips=3)
    scores = np.round(scores, 1)  # many alike
    scores[rng.random(len(scores)) < 0.005] = np.nan
    kinds, names = np.array(species), np.array(who)
    groups = [bonafide] if promise.rate == "bpcer" else [kinds == "print", kinds == "replay"]
    each = [
        drawn_thresholds(
            promise,
            np.where(np.isnan(scores), -np.inf, scores)[group],
            np.unique(names[group], return_inverse=True)[1],
            np.ones((1, 40), np.int64),
        )[0]
        for group in groups
    ]
    assert max(each) == place_threshold(promise, scores, bonafide, who, species).value


@pytest.mark.parametrize("text", ["bpcer<=0.1", "apcer<=0.1"])
def test_more_people_make_the_threshold_surer(text):
    promise = Promise.parse(text)
    widths = []
    for people in (30, 300):
        of = place(np.random.default_rng(1), people)
        low, high = threshold_interval(promise, *of)
        assert low <= place_threshold(promise, *of).value <= high
        widths.append(high - low)
    assert 0 < widths[1] < 0.7 * widths[0]


def test_the_species_that_is_accepted_most_often_decides_how_sure_a_threshold_is() -> None:
    """Three species apart from one another: whoever is drawn, the threshold lies among the scores of the highest."""
    kinds = np.repeat(["print", "replay", "mask-3d"], [50, 50, 20])
    scores = np.repeat([0.1, 0.2, 0.3], [50, 50, 20]) + np.arange(120) % 50 / 1000
    low, high = threshold_interval(Promise("apcer", 0.5), scores, np.zeros(120, bool), [f"p{i}" for i in range(120)],
                                   list(kinds))  # fmt: skip
    assert 0.3 <= low < high < 0.32


def test_attacks_without_a_face_are_rejected_so_that_the_lowest_score_may_be_the_threshold() -> None:
    """Of a hundred people's attacks one gave a face at all: accepting it is one error in a hundred."""
    scores = np.full(100, np.nan)
    scores[7] = 0.3
    found_at = place_threshold(Promise("apcer", 0.05), scores, np.zeros(100, bool), [f"p{i}" for i in range(100)],
                               ["print"] * 100)  # fmt: skip
    assert (found_at.value, found_at.observed, found_at.people) == (0.3, 0.01, 100)


def test_the_interval_leaves_out_a_fortieth_of_the_draws_at_either_end() -> None:
    """Of 500 thresholds, from the 13th to the 487th: 2.5 and 97.5 % of the way from the first to the last."""
    scores, who = np.arange(300) / 300, [f"p{i:03}" for i in range(300)]
    drawn = np.random.default_rng(0).multinomial(300, np.full(300, 1 / 300), 500)
    values = np.sort(drawn_thresholds(Promise("bpcer", 0.2), scores, np.arange(300), drawn))
    ends = threshold_interval(Promise("bpcer", 0.2), scores, np.ones(300, bool), who, [""] * 300)
    assert ends == (values[12], values[486]) and values[12] < values[17] and values[481] < values[486]
