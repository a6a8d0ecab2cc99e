"""A log judged by a level: passed, failed, or too few presentations to say."""

from __future__ import annotations

from pathlib import Path

import pytest
from scipy.stats import binomtest

from fastrain.lab.levels import read_levels
from fastrain.lab.plan_file import read_plan
from fastrain.lab.presentation_log import read_log
from fastrain.lab.verdict import BROKEN, FAILED, KEPT, OPEN, PASSED, TOO_FEW, Judged, Verdict, judge
from fastrain.lab.verdict_page import NO_SCORES, lab_sheet, verdict_page
from tests.commands import Called
from tests.fasdata.page.markup import Markup
from tests.fastrain.lab.dry_run import complete_log, tries, write_log, write_plan


def judged(folder: Path, log: Path, level: str = "small", **plan: str) -> Verdict:
    declared = read_plan(write_plan(folder, **plan))
    return judge(read_levels(folder / "levels.yaml")[level], Judged(declared, read_log(log, declared)))


def numbers(*wanted: tuple[str, int]) -> list[int]:
    """The first tries of each species, one a person."""
    by_species = {name: [n for n, (species, _, _) in enumerate(tries()) if species == name][::2] for name, _ in wanted}
    return [number for name, count in wanted for number in by_species[name][:count]]


def test_a_level_is_passed_with_as_many_errors_as_it_allows_and_failed_with_one_more(tmp_path: Path) -> None:
    # 15 % of 40 are six bona fide rejected, 5 % of 40 two attacks accepted.
    wrong = dict.fromkeys(numbers(("bonafide", 6)), "rejected") | dict.fromkeys(
        numbers(("painted_plate", 2)), "accepted"
    )
    verdict = judged(tmp_path, complete_log(tmp_path / "log.csv", wrong=wrong))
    assert (verdict.outcome, verdict.reasons) == (PASSED, ())
    bona_fide, foil, plate = verdict.criteria
    assert [(c.errors, c.presented, c.people, c.standing) for c in verdict.criteria] == [
        (6, 40, 20, KEPT), (0, 40, 20, KEPT), (2, 40, 20, KEPT)
    ]  # fmt: skip
    # Without an error forty presentations of twenty people are worth twenty.
    assert foil.interval.high == pytest.approx(binomtest(0, 20).proportion_ci(method="exact").high)
    assert plate.interval.low < plate.rate < plate.interval.high and bona_fide.rate == 0.15
    # The worst species counts, not all of them together: 3 of 80 attacks are fewer than 5 %.
    wrong = dict.fromkeys(numbers(("painted_plate", 3)), "accepted")
    verdict = judged(tmp_path, complete_log(tmp_path / "log.csv", wrong=wrong))
    assert verdict.outcome == FAILED
    (reason,) = verdict.reasons
    assert reason == f"APCER of painted_plate: 3 of 40, {verdict.criteria[2].shown()}; at most 5 % is allowed"
    strict = judged(tmp_path, complete_log(tmp_path / "log.csv"), level="strict")
    assert strict.outcome == FAILED
    assert (
        "APCER of tinfoil-mask: 0 of 40, 0.00 % [0.00, 16.84]; at most 5 % is allowed at the upper end"
        in strict.reasons
    )


def test_a_log_in_the_making_is_judged_as_soon_as_the_outcome_is_certain(tmp_path: Path) -> None:
    rows = [f"{n},painted_plate,p{n:02d},rejected" for n in range(1, 11)]
    verdict = judged(tmp_path, write_log(tmp_path / "log.csv", *rows))
    assert verdict.outcome == TOO_FEW and [c.standing for c in verdict.criteria] == [OPEN, OPEN, OPEN]
    assert verdict.reasons == (
        "0 of 40 bona fide presentations", "0 of 2 species have 40 attacks",
        "110 of 120 planned presentations are still to do",
    )  # fmt: skip
    # Two errors may still be 5 % of the forty that are planned; three cannot be any more.
    for errors, outcome in ((2, TOO_FEW), (3, FAILED)):
        few = [row.replace("rejected", "accepted") for row in rows[:errors]] + rows[errors:]
        verdict = judged(tmp_path, write_log(tmp_path / "log.csv", *few))
        assert (verdict.outcome, verdict.criteria[2].standing) == (outcome, BROKEN if errors > 2 else OPEN)
    assert judged(tmp_path, write_log(tmp_path / "log.csv")).outcome == TOO_FEW


def test_presentations_without_a_response_count_by_the_rule_of_the_plan(tmp_path: Path) -> None:
    wrong = dict.fromkeys(numbers(("bonafide", 7)), "no-response")
    log = complete_log(tmp_path / "log.csv", wrong=wrong)
    counted, left_out = (judged(tmp_path, log, no_response=rule) for rule in ("count", "exclude"))
    assert (counted.criteria[0].errors, counted.criteria[0].presented, counted.criteria[0].lost) == (7, 40, 7)
    assert counted.outcome == FAILED
    assert (left_out.criteria[0].errors, left_out.criteria[0].presented, left_out.criteria[0].lost) == (0, 33, 7)
    assert left_out.outcome == TOO_FEW and "7 of 120 planned presentations are still to do" in left_out.reasons
    alone = write_log(tmp_path / "log.csv", "1,bonafide,p01,no-response")
    assert judged(tmp_path, alone, no_response="exclude").criteria[0].presented == 0


def test_scores_are_judged_at_the_threshold_of_the_plan(tmp_path: Path) -> None:
    rows = [f"{n},{species},{person},,{0.4 if right == 'accepted' else 0.3}"
            for n, (species, person, right) in enumerate(tries())]  # fmt: skip
    log = write_log(tmp_path / "log.csv", *rows, header="try,species,person,response,score")
    for value, outcome in ((0.4, PASSED), (0.41, FAILED), (0.3, FAILED)):
        more = f"threshold: {{value: {value}, source: the manufacturer}}"
        assert judged(tmp_path, log, more=more).outcome == outcome


def test_the_page_has_the_sheet_and_says_what_decisions_do_not_tell(tmp_path: Path) -> None:
    plan = read_plan(write_plan(tmp_path, more="conditions: [light]"))
    rows = (f"{n},{species},{person},{right},{'lamp' if n % 2 else 'sun'},2026-11-{10 + n % 3}"
            for n, (species, person, right) in enumerate(tries()))  # fmt: skip
    log = read_log(write_log(tmp_path / "log.csv", *rows, header="try,species,person,response,light,time"), plan)
    judged_log = Judged(plan, log)
    sheet = lab_sheet(judged_log, bundle="5f0c", resamples=50)
    assert {line.name: (line.presentations, line.people, line.accepted()) for line in sheet.species} == {
        "tinfoil-mask": (40, 20, "0 of 40"), "painted_plate": (40, 20, "0 of 40")
    }  # fmt: skip
    assert (sheet.tested.bundle, sheet.tested.date) == ("5f0c", "2026-11-10 to 2026-11-12")
    unknown = {title for title, why in sheet.unknown().items() if why == NO_SCORES}
    assert unknown == {"Threshold", "APCER at a BPCER of 5 %", "BPCER10", "BPCER20", "BPCER100", "EER"}
    # The verdict's rates are the sheet's.
    verdict = judge(read_levels(tmp_path / "levels.yaml")["small"], judged_log)
    assert sheet.bpcer.ends == pytest.approx((verdict.criteria[0].interval.low, verdict.criteria[0].interval.high))
    page = Markup(verdict_page(judged_log, verdict, resamples=50).html())
    assert [row["Standing"] for row in page.table("Rates and limits")] == ["kept"] * 3
    assert {"verdict", "iso", "cards", "breakdown"} <= set(page.sections)
    assert "oil on a plate" in page.sections["cards"] and "By light" in page.sections["breakdown"]
    nothing = Judged(plan, read_log(write_log(tmp_path / "none.csv", header="try,species,person,response,light"), plan))
    assert "none presented" in verdict_page(nothing, judge(verdict.level, nothing)).html()


def test_a_dry_run_goes_from_plan_to_log_to_verdict(tmp_path: Path) -> None:
    plan, log, levels = write_plan(tmp_path), tmp_path / "log.csv", tmp_path / "levels.yaml"
    assert "short        of nothing" in Called("fastrain", "lab", "plan", plan, "--levels", levels).out
    assert Called("fastrain", "lab", "log", plan, log, "--new").code == 0
    assert log.read_text() == "try,species,person,response,instrument,time,operator,note\n"
    assert "is there already" in Called("fastrain", "lab", "log", plan, log, "--new").line
    begun = Called("fastrain", "lab", "log", plan, log)
    assert begun.code == 0 and "120 of 120 presentations to do" in begun.out
    with log.open("a") as file:
        file.write("1,bonafide,p01,accepted\n2,rubber-mask,p01,rejected\n3,bonafide,p77,accepted\n")
    broken = Called("fastrain", "lab", "log", plan, log)
    assert "refused      line 3: unknown species 'rubber-mask'" in broken.out
    assert "refused      line 4: unknown person 'p77'" in broken.out
    assert broken.line == f"{log}: 2 lines break the plan; correct the log"
    assert Called("fastrain", "lab", "verdict", plan, log, "--levels", levels).line == broken.line
    for wrong, code, words in (
        ({}, 0, "small: passed\n"),
        (dict.fromkeys(numbers(("tinfoil-mask", 3)), "accepted"), 1, "small: failed (APCER of tinfoil-mask: 3 of 40"),
    ):
        complete_log(log, wrong=wrong)
        outcome = Called("fastrain", "lab", "verdict", plan, log, "--levels", levels)
        assert outcome.code == code and outcome.out.startswith(words)
        assert "set by whoever wrote the file: invented for a test" in outcome.out
        assert ("that the product does is not shown" in outcome.out) == (code == 0)
    early = Called("fastrain", "lab", "verdict", plan, log, "--level", "L1")
    assert early.code == 1 and "quoted by a third party, not by the scheme" in early.out
    write_log(log, "1,bonafide,p01,accepted")
    assert Called("fastrain", "lab", "verdict", plan, log, "--level", "L2").code == 3
