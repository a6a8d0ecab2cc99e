"""bob's operating points: by hand, and against ours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasdata.errors import UserError
from fastrain.evaluation.metrics.bob import bob_rates, bob_threshold
from fastrain.evaluation.metrics.curve import bpcer_at_apcer, eer

SCORES = [0.1, 0.2, 0.3, 0.4, 0.15, 0.35, 0.5, 0.5, 0.9]
LABELS = [0, 0, 0, 0, 1, 1, 1, 1, 1]
NAMES = ["p", "p", "q", "q"] + [""] * 5


def test_the_points_worked_out_by_hand() -> None:
    # bpcer2: half of each attack may pass: of p (0.1 0.2) that is from 0.2 on, of q (0.3 0.4) from 0.4 on: the higher.
    assert bob_threshold("bpcer2", SCORES, LABELS, NAMES) == 0.4
    # ours is the lowest score above the highest attack that must be rejected, 0.3: the bona fide 0.35 passes.
    assert bpcer_at_apcer(SCORES, LABELS, NAMES, 0.5).threshold == 0.35
    rates = bob_rates(0.4, SCORES, LABELS, NAMES)
    assert (rates.bpcer, rates.apcer_pais, rates.apcer_ap) == (2 / 5, {"p": 0.0, "q": 0.5}, 0.5)
    assert (rates.acer, rates.hter, rates.fta) == (0.45, (0.25 + 0.4) / 2, 0.0)
    # No attack may pass at bpcer20 with two of each: just above the highest.
    assert bob_threshold("bpcer20", SCORES, LABELS, NAMES) == np.nextafter(0.4, 1)
    # apcer5 (20 %): 0.15 is rank 0, 0.35 rank 1 = 20 %, the equal 0.5 end at rank 3 = 60 %: 0.35, which rejects 20 %.
    assert bob_threshold("apcer5", SCORES, LABELS, NAMES) == 0.35


def test_its_apcer_can_exceed_the_limit() -> None:
    """Three equal lowest bona fide scores of ten: rank 2 is 20 % > 5 %, so bob rejects all three."""
    scores, labels = [0.2, 0.2, 0.2, *np.linspace(0.5, 0.9, 7), 0.0, 0.1], [1] * 10 + [0, 0]
    threshold = bob_threshold("apcer20", scores, labels, [""] * 10 + ["a", "a"])
    assert bob_rates(threshold, scores, labels, [""] * 10 + ["a", "a"]).bpcer == pytest.approx(0.3)


@given(
    st.lists(st.tuples(st.integers(-6, 6), st.sampled_from("abc")), min_size=2, max_size=15),
    st.lists(st.integers(-4, 8), min_size=2, max_size=15),
)
def test_bpcer20_is_never_smaller_than_ours_and_the_eer_is_as_near(spoof: list, live: list) -> None:
    spoof = spoof + spoof  # two of each name at least
    scores = [float(score) for score, _ in spoof] + [float(score) for score in live]
    labels, names = [0] * len(spoof) + [1] * len(live), [name for _, name in spoof] + [""] * len(live)
    for limit, criterion in ((0.1, "bpcer10"), (0.05, "bpcer20")):
        threshold = bob_threshold(criterion, scores, labels, names)
        rates = bob_rates(threshold, scores, labels, names)
        assert rates.bpcer >= bpcer_at_apcer(scores, labels, names, limit).frr - 1e-12
        assert rates.apcer_ap <= limit + 1e-12
    rates = bob_rates(bob_threshold("eer", scores, labels, names), scores, labels, names)
    ours = eer(scores, labels)
    assert abs(rates.fpr - rates.bpcer) == pytest.approx(abs(ours.far - ours.frr), abs=1e-9)


def test_lost_scores_are_left_out_and_too_few_are_told() -> None:
    scores, labels, names = [0.2, -np.inf, 0.1, 0.9, 0.8], [0, 0, 0, 1, 1], ["a", "a", "a", "", ""]
    assert bob_rates(0.15, scores, labels, names).apcer_pais == {"a": 0.5}
    assert bob_rates(0.15, scores, labels, names).fta == pytest.approx(0.2)
    with pytest.raises(UserError, match="expected two attack scores"):
        bob_threshold("bpcer10", [0.1, 0.9, 0.8], [0, 1, 1], ["a", "", ""])


def test_where_all_may_pass_the_threshold_lies_just_outside_of_the_scores() -> None:
    # All attacks may pass (100 %): just below the lowest of each name, the higher of the two.
    assert bob_threshold("bpcer1", SCORES, LABELS, NAMES) == np.nextafter(0.3, 0)
    assert bob_threshold("apcer1", SCORES, LABELS, NAMES) == np.nextafter(0.9, 1)


def test_scores_far_apart_do_not_turn_the_direction() -> None:
    assert bob_threshold("bpcer1", [0.0, 9.0, 3.0, 7.0], [0, 0, 1, 1], ["p", "p", "", ""]) == np.nextafter(0.0, -1)
    assert bob_threshold("apcer1", [0.0, 9.0, -7.0, 3.0], [0, 0, 1, 1], ["p", "p", "", ""]) == np.nextafter(3.0, 9)


def test_the_least_mean_error_by_hand() -> None:
    # Attacks 1 2 6, live 4 5 8: at 3 one attack of three passes, 1/6; at 7 two of three live are rejected, 1/3.
    assert bob_threshold("min-hter", [1.0, 2.0, 6.0, 4.0, 5.0, 8.0], [0, 0, 0, 1, 1, 1], ["p"] * 3 + [""] * 3) == 3.0
