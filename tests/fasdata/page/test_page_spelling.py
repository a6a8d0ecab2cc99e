"""How numbers, absent values and text tables are spelled, for every medium alike."""

from __future__ import annotations

import math

import pytest

from fasdata.page.spelling import (
    Absent,
    count,
    excess,
    metric,
    on_two_lines,
    p_value,
    percent,
    points,
    ratio,
    reasoned,
    score,
    text,
    text_table,
)


@pytest.mark.parametrize("spell", [ratio, score, percent, count, text])
@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_absent_values_say_why(spell, value):
    if spell is text and value == math.inf:
        value = math.nan
    assert spell(value, "no clip") == Absent("no clip")


def test_a_share_has_its_digits_and_no_truth_value_is_one():
    assert (ratio(0.98765), percent(0.12346), score(0.00379)) == ("0.988", "12.35 %", "0.0038")
    assert ratio(True) == Absent("not computed")


def test_spread_and_interval_stand_behind_the_number():
    assert ratio(0.9692, sd=0.0171) == "0.969 ± 0.017"
    assert ratio(0.8, sd=None, ends=(0.7, 1.0)) == "0.800 [0.700, 1.000]"
    assert percent(0.1875, sd=0.0625) == "18.75 ± 6.25 %"
    assert percent(0.25, ends=(0.0938, 0.4062)) == "25.00 % [9.38, 40.62]"
    assert percent(0.0417, sd=0.0295, ends=(0.0104, 0.0729), unit="") == "4.17 ± 2.95 [1.04, 7.29]"
    assert percent(0.25, ends=(math.nan, math.nan)) == "25.00 %"
    assert percent(None, "no attack", sd=0.1, ends=(0.0, 1.0)) == Absent("no attack")


def test_a_metric_is_spelled_by_its_name():
    assert metric("auc", 0.5) == "0.500"
    assert metric("hter", 0.5) == metric("tpr_at_fpr_1", 0.5) == "50.00 %"
    assert metric("bpcer20", 0.5, sd=0.1, unit="") == "50.00 ± 10.00"


def test_differences_carry_their_sign():
    assert (points(0.25, 0.375), points(0.836, 0.648), points(0.125, 0.125)) == ("+12.50", "-18.80", "+0.00")
    assert points(None, 0.5) == Absent("undefined")
    assert (excess(16, 210), excess(105, 100), excess(1, 0)) == ("-92.4 %", "+5.0 %", Absent("none expected"))


def test_p_values():
    assert [p_value(p) for p in (0.00099, 0.001, 0.04321, 1.0)] == ["p < 0.001", "p = 0.001", "p = 0.043", "p = 1.000"]
    assert p_value(math.nan) == "not defined"


def test_an_interval_names_its_rule_and_stands_below_its_number_on_a_page():
    assert percent(0.25, ends=(0.1, 0.5), rule="exact") == "25.00 % [10.00, 50.00] exact"
    assert percent(0.25, rule="exact") == "25.00 %"
    assert str(on_two_lines("25.00 % [10.00, 50.00] exact")) == "25.00 %<br>[10.00, 50.00] <small>exact</small>"
    assert (on_two_lines("8.60 at last", " at "), on_two_lines("8.60")) == ("8.60<br>at last", "8.60")
    assert on_two_lines(Absent("no [number]")) == Absent("no [number]")


def test_other_values():
    assert count(1234567) == "1\u202f234\u202f567"
    assert (text(True), text(0), text("")) == ("yes", "0", Absent("not recorded"))


def test_in_plain_text_an_absent_value_is_a_dash():
    assert (str(Absent("no attack")), reasoned(Absent("no attack")), reasoned("0.500")) == (
        "-",
        "- (no attack)",
        "0.500",
    )


def test_columns_of_numbers_stand_to_the_right_and_words_to_the_left():
    rows = [["print", 1234, ratio(0.5)], ["replay", 7, Absent("no attack")]]
    assert text_table(["species", "clips", "AUC"], rows) == [
        "  species  clips  AUC",
        "  print    1,234  0.500",
        "  replay       7  -",
    ]
