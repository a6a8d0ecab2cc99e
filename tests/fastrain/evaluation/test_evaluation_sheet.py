"""The sheet of ISO/IEC 30107-3 states what results and facts hold, and names what they do not."""

from __future__ import annotations

from statistics import median

import pandas as pd
import pytest

from fasdata.page.spelling import Absent
from fastrain.evaluation.results import evaluate
from fastrain.evaluation.results_lookup import HONEST, Results
from fastrain.evaluation.scores import ScoreTable
from fastrain.evaluation.sheet import APCER, NO_SPECIES, ItemUnderTest, Rate, iso_sheet
from fastrain.evaluation.thresholds import fixed

KINDS = {"bonafide": "", "print": "print", "replay": "replay"}


def table(*, people: bool = True, species: bool = True, val: bool = True, shift: float = 0.0) -> ScoreTable:
    """Six people in each part, a bona fide clip, a print and a replay each; of the target one print is accepted."""
    rows = []
    for part in ("val", "test") if val else ("test",):
        for person in range(6):
            for kind, attack in KINDS.items():
                live = kind == "bonafide"
                score = (0.9 if live else 0.1) - shift * live
                if (part, person, kind) == ("test", 0, "print"):
                    score = 0.95
                rows.append(
                    {
                        "dataset": "here", "domain": "here", "part": part, "clip_id": f"{part}{person}{kind}",
                        "subject": f"{part}{person}" if people else "", "label": "bonafide" if live else "attack",
                        "attack_type": attack if species or live else "unknown", "pai": "", "frame_index": 0,
                        "status": "ok", "score": score, "sample_id": f"{part}{person}{kind}/0",
                    }
                )  # fmt: skip
    return ScoreTable(pd.DataFrame(rows))


def results(scores: ScoreTable, **options: object) -> Results:
    return Results(evaluate(scores, selection="last", resamples=50, **options))  # type: ignore[arg-type]


def test_species_have_counts_people_and_intervals_worst_first() -> None:
    sheet = iso_sheet(results(table()), ItemUnderTest())
    assert [(line.name, line.presentations, line.people) for line in sheet.species] == [
        ("print", 6, 6),
        ("replay", 6, 6),
    ]
    assert [line.accepted() for line in sheet.species] == ["1 of 6", "0 of 6"]
    assert str(sheet.species[0].apcer.shown()) == "16.67 % [0.42, 64.12] exact"  # Clopper-Pearson of 1 in 6
    assert sheet.apcer.value == pytest.approx(1 / 6) and sheet.bpcer.value == 0.0
    presented = dict(sheet.presented())
    assert (presented["People"], presented["Bona fide presentations"], presented["Attack presentations"]) == (
        "6", "6", "12",
    )  # fmt: skip
    assert presented["PAI species"] == "2: print, replay"
    assert str(presented["Threshold from"]) == f"{HONEST}: found on other presentations (part val)"
    assert str(dict(sheet.rates())["BPNRR"]).startswith("0.00 % [0.00, 45.93]")


def test_what_nobody_stated_is_unknown_and_the_rest_is_not() -> None:
    sheet = iso_sheet(results(table()), ItemUnderTest(product="Gate 3", detector="mtcnn", date="2026-11-29"))
    assert set(sheet.unknown()) == {
        "Method",
        "Network",
        "Bundle, SHA-256",
        "Dataset",
        "Protocol",
        "Score of a presentation",
    }
    assert dict(sheet.tested.lines())["Product or run"] == "Gate 3"


def test_the_least_scores_leave_most_lines_unknown_each_with_its_reason() -> None:
    unknown = iso_sheet(results(table(people=False, species=False, val=False)), ItemUnderTest()).unknown()
    assert unknown["People"] == "people are not named"
    assert unknown["PAI species"] == NO_SPECIES
    for title in ("Threshold", "Threshold from", APCER, "BPCER", "HTER, all species together"):
        assert unknown[title] == "there is no part val", title
    assert "EER" not in unknown and "BPCER20" not in unknown  # found on these very clips


def test_results_without_intervals_still_name_as_many_people_as_there_are_of_a_label() -> None:
    bare = results(table())
    whole = iso_sheet(bare, ItemUnderTest()).people
    del bare.data["uncertainty"]
    assert iso_sheet(bare, ItemUnderTest()).people == whole and str(whole).isdigit()


def test_without_species_the_worst_is_unknown_and_the_whole_is_told() -> None:
    sheet = iso_sheet(results(table(species=False)), ItemUnderTest())
    assert sheet.unknown()[APCER].startswith(f"{NO_SPECIES}; all together: 8.33 % [")


def test_a_threshold_that_is_given_says_so() -> None:
    sheet = iso_sheet(results(table(val=False), policies=(fixed(0.5),)), ItemUnderTest())
    assert (sheet.policy, sheet.threshold, sheet.threshold_from) == (
        "fixed(0.5)",
        "0.5000",
        "fixed(0.5): given beforehand",
    )
    assert iso_sheet(results(table()), ItemUnderTest(), policy="fixed(0.5)").policy == "fixed(0.5)"


def test_medians_over_runs_stand_beside_the_rates_of_one() -> None:
    alone = results(table())
    assert {point.over_runs for point in iso_sheet(alone, ItemUnderTest()).points} == {""}
    others = [results(table(shift=shift)) for shift in (0.5, 0.0)]  # in one of them the threshold is lower
    sheet = iso_sheet(alone, ItemUnderTest(), beside=others)
    over = {point.title: str(point.over_runs) for point in sheet.points}
    assert sheet.runs == 3
    assert over[APCER] == "16.67 % (16.67 to 16.67)"
    rates = [run.metric("test", "clip", "hter", HONEST) or 0.0 for run in (alone, *others)]
    assert over["HTER, all species together"].startswith(f"{100 * median(rates):.2f} % (")


def test_no_results_leave_a_sheet_that_says_why() -> None:
    sheet = iso_sheet(Results({}, "results.json is not in the run folder"), ItemUnderTest())
    assert set(sheet.unknown().values()) >= {"results.json is not in the run folder", "not stated"}
    assert all(isinstance(words, Absent) for _, words in (*sheet.presented(), *sheet.rates()))


def test_digital_attacks_are_named_and_left_out_of_what_the_standard_asks() -> None:
    both = ScoreTable(table().frame.assign(attack_type=lambda rows: rows["attack_type"].replace("print", "face-swap")))
    sheet = iso_sheet(results(both), ItemUnderTest())
    presented = dict(sheet.presented())
    assert presented["Digital attacks"] == "6: face-swap; outside ISO/IEC 30107, see the error rates"
    assert (presented["Attack presentations"], presented["PAI species"]) == ("6", "1: replay")
    assert sheet.apcer.value == 0  # the attack that is accepted is a swapped face
    assert next(point for point in sheet.points if point.rate.name == "apcer").rate == sheet.apcer
    assert "digital attacks are counted in it" in sheet.unknown()["HTER, all species together"]
    assert "digital attacks are counted in it" in sheet.unknown()["APNRR"] and sheet.bpcer.value == 0
    alone = ScoreTable(both.frame[both.frame["attack_type"] != "replay"])
    assert "no presentation attack was tested" in str(iso_sheet(results(alone), ItemUnderTest()).apcer.why)
    assert not iso_sheet(results(table()), ItemUnderTest()).outside


def test_a_rate_has_both_ends_of_its_interval_or_none() -> None:
    row = {"value": 0.2, "low": 0.1, "high": 0.4, "rule": "exact"}
    assert Rate.of("bpcer", row) == Rate("bpcer", 0.2, (0.1, 0.4), "exact")
    for end in ("low", "high"):
        assert Rate.of("bpcer", row | {end: None}).ends is None
    assert Rate.of("bpcer", {"value": None, "reason": "nobody was there"}).why == "nobody was there"


def test_people_are_counted_over_both_labels_together() -> None:
    """Of six people one was never presented as an attack, and a seventh as nothing else: they are seven."""
    rows = table().frame
    rows = rows[~((rows["part"] == "test") & (rows["subject"] == "test5") & (rows["label"] == "attack"))]
    stranger = rows[rows["clip_id"] == "test0replay"].assign(subject="stranger", clip_id="s", sample_id="s/0")
    sheet = iso_sheet(results(ScoreTable(pd.concat([rows, stranger], ignore_index=True))), ItemUnderTest())
    presented = dict(sheet.presented())
    assert (presented["People"], presented["Bona fide presentations"], presented["Attack presentations"]) == (
        "7", "6", "11",
    )  # fmt: skip


def test_beside_digital_attacks_foreign_species_make_the_apcer_unknown() -> None:
    rows = table().frame
    swapped = rows.assign(attack_type=rows["attack_type"].replace({"print": "face-swap", "replay": "unknown"}))
    known = rows.assign(attack_type=rows["attack_type"].replace("print", "face-swap"))
    for frame in (swapped, swapped.assign(pai=swapped["attack_type"].map({"unknown": "PA.F.1"}).fillna(""))):
        assert iso_sheet(results(ScoreTable(frame)), ItemUnderTest()).apcer.why == (
            "attacks of unknown type are among the presentations"
        )
    assert iso_sheet(results(ScoreTable(known)), ItemUnderTest()).apcer.value == 0


def test_what_several_runs_reached_is_said_of_rates_without_digital_attacks_alone() -> None:
    both = ScoreTable(table().frame.assign(attack_type=lambda rows: rows["attack_type"].replace("print", "face-swap")))
    alone = {point.title: point.over_runs for point in iso_sheet(results(both), ItemUnderTest()).points}
    assert set(alone.values()) == {""}
    points = iso_sheet(results(both), ItemUnderTest(), beside=[results(both)]).points
    over = {point.rate.name: point.over_runs for point in points}
    assert str(over.pop("bpcer")) == "0.00 % (0.00 to 0.00)"
    assert {"apcer", "hter", "eer"} <= set(over)
    assert all(isinstance(words, Absent) and "digital attacks" in words.why for words in over.values())
