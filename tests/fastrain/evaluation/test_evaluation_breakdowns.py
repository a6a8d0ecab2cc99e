"""Errors by groups of clips, and how far apart groups are, against numbers worked out by hand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from fasdata.errors import UserError
from fastrain.evaluation.breakdowns import MOST_ASKED, Breakdown, breakdown, by_species, column_named, groupings
from fastrain.evaluation.results import evaluate
from fastrain.evaluation.scores import ScoreTable
from fastrain.evaluation.statistics.differences import furthest_apart
from fastrain.evaluation.statistics.proportions import Interval, clopper_pearson, corrected
from fastrain.evaluation.thresholds import fixed
from tests.commands import Called


def world(groups: dict[str, tuple[int, int]], *, clips: int = 1, **columns: Any) -> pd.DataFrame:
    """Bona fide and print clips of people of each region: (people, how many of them are rejected); no attack passes."""
    rows = []
    for region, (people, rejected) in groups.items():
        for person in range(people):
            for label, clip in ((label, clip) for label in ("bonafide", "attack") for clip in range(clips)):
                name = f"{region}-{person}-{label}-{clip}"
                score = 0.9 if label == "bonafide" and person >= rejected else 0.1
                rows.append({"clip_id": name, "sample_id": name, "subject": f"{region}-{person}", "label": label,
                             "attack_type": "bonafide" if label == "bonafide" else "print", "score": score,
                             "field_region": region, "pai": ""})  # fmt: skip
    table = pd.DataFrame(rows).assign(dataset="d", domain="d", part="test", frame_index=0, status="ok", **columns)
    return ScoreTable(table).frame


def of(groups: dict[str, tuple[int, int]], fields: int = 1, **options: Any) -> Breakdown:
    return breakdown(world(groups, **options), "region", "field_region", 0.5, fields)


def test_rates_of_groups_are_exact_over_their_people_and_the_difference_is_joined_of_them() -> None:
    down = of({"north": (40, 2), "south": (40, 20)}, clips=3)
    rate = down.groups["south"]["bpcer"]
    # All three clips of a person go the same way: 120 clips are worth the forty people.
    exact = binomtest(20, 40).proportion_ci(method="exact")
    assert (rate.value, rate.clips, rate.people, rate.few) == (0.5, 120, 40, False)
    assert (rate.interval.low, rate.interval.high) == pytest.approx((exact.low, exact.high))
    # One pair, two rates, one field: the lower end at 97.5 %, the upper one at 95 %.
    ends = {level: [binomtest(n, 40).proportion_ci(level, method="exact") for n in (20, 2)] for level in (0.95, 0.975)}
    (high, low), (strict_high, strict_low) = ends[0.95], ends[0.975]
    bpcer, apcer = down.differentials
    assert (bpcer.value, bpcer.highest, bpcer.lowest) == (pytest.approx(0.45), "south", "north")
    lower = 0.45 - np.hypot(0.5 - strict_high.low, strict_low.high - 0.05)
    upper = 0.45 + np.hypot(high.high - 0.5, 0.05 - low.low)
    assert (bpcer.interval.low, bpcer.interval.high) == pytest.approx((lower, upper))
    assert bpcer.shown and bpcer.small == ()
    # No attack passes anywhere: a difference of no width would be a lie.
    assert (apcer.value, apcer.interval.low, apcer.shown) == (0.0, 0.0, False)
    assert apcer.interval.high == pytest.approx(binomtest(0, 40).proportion_ci(method="exact").high)


def test_groups_of_few_people_are_named_and_show_nothing() -> None:
    (bpcer, _) = of({"north": (40, 0), "south": (12, 12)}, clips=10).differentials
    assert bpcer.interval.low > 0.5 and bpcer.small == ("south",) and not bpcer.shown
    assert of({"north": (40, 0)}).differentials == ()
    # Four people who all err do not stand before what two larger groups show.
    (bpcer, _) = of({"islands": (4, 4), "north": (40, 4), "south": (40, 20)}).differentials
    assert (bpcer.highest, bpcer.lowest, bpcer.small, bpcer.shown) == ("south", "north", ("islands",), True)
    # More fields and more pairs ask for more.
    lows = [of({"north": (40, 4), "south": (40, 14)}, fields).differentials[0].interval.low for fields in (1, 20)]
    assert lows[0] > lows[1] == 0
    assert corrected(0.95, 3 * 2 * 20) > 0.999


def test_the_difference_of_a_world_without_one_is_hardly_ever_shown() -> None:
    random, held = np.random.default_rng(7), []
    for _ in range(1000):
        errors = random.binomial(30, 0.2, 4)
        ends = (zip(*clopper_pearson(errors, 30, level), strict=True) for level in (0.95, corrected(0.95, 6)))
        intervals, strict = ([Interval(low, high) for low, high in of_level] for of_level in ends)
        held.append(furthest_apart(list(errors / 30), intervals, strict)[0].low == 0)
    assert np.mean(held) >= 0.97


def test_grades_stand_from_low_to_high_and_unknown_last() -> None:
    grades = ["over 80", "blurred (under 5)", "", "20 to 80"]
    frame = world(dict.fromkeys("abcd", (2, 0))).assign(field_sharpness=np.repeat(grades, 4))
    down = breakdown(frame, "sharpness", "field_sharpness", 0.5)
    assert list(down.groups) == ["blurred (under 5)", "20 to 80", "over 80", "unknown"]
    assert dict(groupings(frame)) == {"region": "field_region", "sharpness": "field_sharpness"}
    assert "unknown" not in down.differentials[0].small


def test_what_is_no_grade_stands_behind_the_grades() -> None:
    frame = world(dict.fromkeys("abc", (2, 0))).assign(field_sharpness=np.repeat(["a guess", "over 80", "20 to 80"], 4))
    assert list(breakdown(frame, "sharpness", "field_sharpness", 0.5).groups) == ["20 to 80", "over 80", "a guess"]


def test_a_clip_without_a_score_is_rejected_and_species_are_crossed_with_a_field() -> None:
    frame = world({"north": (3, 0), "south": (3, 0)})
    frame.loc[frame["label"] == "attack", "attack_type"] = ["print", "print", "replay", "replay", "print", "print"]
    frame.loc[frame["clip_id"] == "south-0-attack-0", "score"] = 0.8
    frame.loc[frame["clip_id"] == "north-0-bonafide-0", ["score", "status"]] = [np.nan, "fta"]
    assert breakdown(frame, "region", "field_region", 0.5).groups["north"]["bpcer"].value == pytest.approx(1 / 3)
    matrix = by_species(frame, "field_region", 0.5)
    assert {cell: (rate.value, rate.clips) for cell, rate in matrix.cells.items()} == {
        ("print", "north"): (0, 2), ("print", "south"): (0, 2), ("replay", "north"): (0, 1), ("replay", "south"): (1, 1)
    }  # fmt: skip


def test_results_hold_groups_differentials_and_species_by_device() -> None:
    frame = world({"north": (4, 1), "south": (4, 2)}).assign(field_device=["a", "b"] * 8)
    result = evaluate(ScoreTable(frame), selection="last", policies=[fixed(0.5)], resamples=100)
    groups = {(row["by"], row["group"], row["metric"]): row["value"] for row in result["groups"]}
    assert groups["region", "north", "bpcer"] == 0.25 and groups["region", "south", "bpcer"] == 0.5
    rows = {(row["by"], row["metric"]): row for row in result["differentials"]}
    assert rows["region", "bpcer"]["value"] == 0.25 and rows["region", "bpcer"]["few"] == ["north", "south"]
    assert rows["region", "bpcer"]["threshold_policy"] == "fixed(0.5)" and ("device", "bpcer") not in rows
    assert [(row["by"], row["species"], row["group"]) for row in result["species_groups"]] == [("device", "print", "b")]
    without = evaluate(ScoreTable(frame), selection="last", policies=[fixed(0.5)], resamples=0)
    assert "groups" not in without


def test_fields_of_a_file_from_outside_are_grouped_on_the_command_line(tmp_path: Path) -> None:
    frame = world({"north": (30, 1), "south": (30, 24)})
    path = tmp_path / "vendor.csv"
    frame[["label", "score", "subject", "field_region"]].assign(species=frame["attack_type"]).to_csv(path, index=False)
    out = Called("fastrain", "eval", path, "--threshold", "fixed(0.5)", "--by", "region", "--by", "species,region").out
    assert "  BPCER by region: south lies 76.67 points above north, 95 % interval" in out
    assert "a difference is shown" in out
    assert [line.split()[:4] for line in out.splitlines() if line.startswith("  print")] == [
        ["print", "north", "30", "30"], ["print", "south", "30", "30"]
    ]  # fmt: skip
    for wrong, words in (
        (["--by", "regoin"], "unknown field to group by 'regoin'; expected one of .*region.*did you mean 'region'"),
        (["--by", "region,species"], "expected a field, or species,FIELD"),
        (["--by", "region", "--threshold", "target_eer"], "looks at the labels of the groups"),
        (["--by", "region", "--threshold", "source_eer"], "no threshold source_eer.*fixed"),
        (["--by", "region", "--corrupt", "jpeg"], "--by groups the scores there are"),
    ):
        options = [] if "--threshold" in wrong else ["--threshold", "fixed(0.5)"]
        line = Called("fastrain", "eval", path, *options, *wrong).line
        assert re.search(words, line), line
    with pytest.raises(UserError, match="unknown field"):
        column_named(frame, "device")


def test_of_a_single_field_nothing_more_is_asked() -> None:
    frame = world({"north": (40, 2), "south": (40, 20)})
    assert breakdown(frame, "region", "field_region", 0.5) == of({"north": (40, 2), "south": (40, 20)}, fields=1)


def test_as_many_groups_as_may_be_asked_for() -> None:
    rows = [{"field_serial": f"{number}"} for number in range(MOST_ASKED)]
    assert column_named(pd.DataFrame(rows), "serial") == "field_serial"
    with pytest.raises(UserError, match=r"the field serial has 201 values; expected at most 200 groups"):
        column_named(pd.DataFrame([*rows, {"field_serial": "more"}]), "serial")


def test_groups_are_of_the_clips_that_are_tested() -> None:
    """Every bona fide clip held out of training is rejected, and every other frame; of the tested clips two of four."""
    tested = world({"north": (4, 2), "south": (4, 2)})
    again = tested.assign(sample_id=tested["sample_id"] + "/1", frame_index=1, score=tested["score"] + 0.05)
    held_out = tested.assign(part="val", domain="e", dataset="e", score=0.1, clip_id="v" + tested["clip_id"],
                             sample_id="v" + tested["sample_id"])  # fmt: skip
    table = ScoreTable(pd.concat([held_out, tested, again], ignore_index=True))
    result = evaluate(table, selection="last", policies=[fixed(0.5)], resamples=20)
    rows = [row for row in result["groups"] if row["by"] == "region" and row["metric"] == "bpcer"]
    assert [(row["group"], row["value"], row["clips"]) for row in rows] == [("north", 0.5, 4), ("south", 0.5, 4)]


def test_a_score_at_the_threshold_is_accepted_and_numbers_of_rows_are_no_field() -> None:
    frame = world({"north": (4, 1), "south": (4, 2)})
    frame["score"] = frame["score"].where(frame["score"] > 0.5, 0.5)
    rates = breakdown(frame, "region", "field_region", 0.5).groups["north"]
    assert (rates["bpcer"].value, rates["apcer"].value) == (0.0, 1.0)
