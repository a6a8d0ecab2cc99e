"""Planning a test: numbers of people against closed forms and the interval that a test would print."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from fasdata.errors import UserError
from fastrain.evaluation.planning import ClaimPlan, bound, chance, people_needed, species_needed
from fastrain.evaluation.statistics.proportions import proportion_interval
from tests.commands import Called


@pytest.mark.parametrize("limit", [0.2, 0.05, 0.01, 0.001])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_without_an_error_the_number_has_a_closed_form(limit: float, confidence: float) -> None:
    assert people_needed(limit, 0, confidence) == math.ceil(math.log(1 - confidence) / math.log(1 - limit))


@pytest.mark.parametrize(("errors", "limit"), [(0, 0.05), (1, 0.05), (2, 0.01), (5, 0.1)])
def test_the_number_of_people_is_the_smallest_that_keeps_the_claim(errors: int, limit: float) -> None:
    people = people_needed(limit, errors)
    bounds = [binomtest(errors, n, alternative="less").proportion_ci(0.95, "exact").high for n in (people, people - 1)]
    assert bounds[0] <= limit < bounds[1]
    assert bound(errors, people) == pytest.approx(bounds[0])
    # What a test of twice as many clips prints: its people's clips are alike, and the upper 97.5 % end is above it.
    wrong = np.repeat(np.arange(people) < errors, 2)
    assert proportion_interval(wrong, np.repeat(np.arange(people), 2), level=0.9).high == pytest.approx(bounds[0])


def test_the_chance_to_pass_is_the_binomial_one() -> None:
    assert chance(93, 1, 0.005) == pytest.approx(binom.cdf(1, 93, 0.005))
    assert species_needed(0.5) == 5 and species_needed(0.05, 0.9) == 45  # 2^-5 < 0.05; ln 0.1 / ln 0.95 = 44.9


def test_the_command_names_people_presentations_and_species() -> None:
    shown = Called("fastrain", "plan-test", "--apcer", "0.01", "--bpcer", "0.05", "--clips", "4", "--species", "3")
    lines = shown.out.splitlines()
    assert lines[0] == "APCER at most 1.00% of every species, confidence 95.0%:"
    assert lines[2].split()[:3] == ["0", "299", "1,196"]  # ln 0.05 / ln 0.99 = 298.07
    assert lines[2].split()[3:] == ["74%", "47%", "22%"]  # 0.999^299 0.9975^299 0.995^299
    assert "3 species: 299 people for each, 3,588 attacks at least" in shown.out
    # 1 - 0.05^(1/3) = 63 %.
    assert "59 species that all keep it say that at most 5% of such kinds do not; 3 say 63%" in shown.out
    assert "BPCER at most 5.00%, confidence 95.0%:" in lines and "one person" in shown.out


def test_what_a_test_can_show_at_best() -> None:
    shown = Called("fastrain", "plan-test", "--people", "30", "--bpcer", "0.1", "--apcer", "0.01").out
    assert "What a test of 30 people can show" in shown
    assert "at most 9.50%" in shown  # 1 - 0.05^(1/30)
    assert "BPCER at most 10.00%: claimed with up to 0 people who err" in shown
    assert "APCER at most 1.00%: cannot be claimed" in shown
    two = ClaimPlan(None, None, people=2).text()
    assert "at most 77.64%" in two and "at most 100.00%" in two  # 1 - sqrt(0.05)
    assert len(two.partition("observed")[2].partition("\n\n")[0].splitlines()) == 4


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--apcer", "0"], "--apcer 0; expected a rate from 0.0001 to 0.5"),
        (["--bpcer", "5"], "--bpcer 5; expected a rate"),
        (["--bpcer", "0.1", "--confidence", "0.5"], "--confidence 0.5; expected above 0.5"),
        ([], "nothing to plan"),
    ],
)
def test_what_cannot_be_planned_is_told_in_one_line(options: list[str], words: str) -> None:
    assert words in Called("fastrain", "plan-test", *options).line


def test_a_plan_keeps_its_limits() -> None:
    assert ClaimPlan(0.5, None).apcer == 0.5 and ClaimPlan(0.0001, None, confidence=0.9999).apcer == 0.0001
    with pytest.raises(UserError, match="confidence"):
        ClaimPlan(0.1, None, confidence=1.0)


def test_the_plan_counts_none_one_two_and_five_people_who_err() -> None:
    lines = ClaimPlan(0.01, None, confidence=0.95).text().splitlines()
    # Clopper-Pearson's one-sided bound: the least n with P(at most k errors of n at 1 %) <= 5 %.
    assert [line.split()[:2] for line in lines[2:6]] == [["0", "299"], ["1", "473"], ["2", "628"], ["5", "1,049"]]
    assert [bool(binom.cdf(k, n, 0.01) <= 0.05 < binom.cdf(k, n - 1, 0.01)) for k, n in
            ((0, 299), (1, 473), (2, 628), (5, 1049))] == [True] * 4  # fmt: skip
