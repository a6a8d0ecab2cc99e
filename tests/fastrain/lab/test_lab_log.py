"""A plan, and a log that is held against it line by line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fasdata.errors import UserError
from fastrain.evaluation.planning import people_needed
from fastrain.lab.levels import level_named, read_levels
from fastrain.lab.plan_draft import Draft, plan_text, short_of
from fastrain.lab.plan_file import TO_FILL, read_plan
from fastrain.lab.presentation_log import read_log
from fastrain.lab.to_do import left_to_do, log_text
from tests.fastrain.lab.dry_run import complete_log, write_log, write_plan


def test_shipped_levels_say_that_a_third_party_quotes_them() -> None:
    levels = read_levels()
    first, second = level_named("l1", levels), levels["L2"]
    assert (first.species, first.attacks, first.bona_fide, first.apcer, first.bpcer) == (6, 150, 50, 0, 0.15)
    assert (second.species, second.attacks, second.bona_fide, second.apcer, second.bpcer) == (5, 150, 250, 0.01, 0.15)
    assert all(level.origin().startswith("quoted by a third party, not by the scheme: ") for level in levels.values())
    with pytest.raises(UserError, match="unknown level 'L3'; expected one of L1, L2"):
        level_named("L3", levels)


def test_a_draft_has_what_a_level_asks_for_and_is_refused_until_its_cards_are_filled_in(tmp_path: Path) -> None:
    level = read_levels()["L2"]
    path = tmp_path / "plan.yaml"
    path.write_text(Draft(level, people=15).text())
    with pytest.raises(UserError, match=rf"not filled in.*found {TO_FILL} as title, product, source of the species sp"):
        read_plan(path)
    path.write_text(path.read_text().replace(TO_FILL, "as agreed"))
    plan = read_plan(path)
    assert (plan.planned("bonafide"), {plan.planned(name) for name in plan.species}) == (15 * 17, {150})
    assert short_of(plan, level) == [] and len(short_of(plan, read_levels()["L1"])) == 1
    # As many people as a claim takes are those of `plan-test`; 1 - 0.05 ** (1 / 15) is what fifteen can show.
    assert Draft(level, bpcer=0.05).text().count("each_person: 3\n") == 5 and people_needed(0.05) == 59
    assert "of at most 18.1% is shown" in plan_text(plan, level)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("name: painted_plate", "name: Tinfoil-Mask", "the species tinfoil-mask is there twice"),
        ("name: painted_plate", "name: painted plate", "species.1.name: .*found 'painted plate'"),
        ("production: folded by hand, ", "", "species.0.production: Field required"),
        ("[p01, p02", "[p01, p01", "the person p01 is there twice"),
        ("each_person: 2}\nsp", "each_person: 0}\nsp", "bona_fide.each_person"),
        ("held up,", "held up, people: [p99],", "painted_plate: unknown person 'p99'"),
        ("no_response: count", "no_response: ignore", "no_response: .*found 'ignore'"),
        ("no_response: count", "no_response: count\nconditions: [light, time]", "column of a log time is there twice"),
        ("name: painted_plate", "name: bonafide", "a species of attacks is called bonafide"),
    ],
)
def test_a_plan_that_cannot_be_kept_is_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    path = write_plan(tmp_path)
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(UserError, match=words):
        read_plan(path)


def test_a_log_that_breaks_the_plan_is_refused_line_by_line(tmp_path: Path) -> None:
    plan = read_plan(write_plan(tmp_path, more="conditions: [light]"))
    log = read_log(
        write_log(
            tmp_path / "log.csv",
            "1,bonafide,p01,accepted,lamp,2026-11-29T10:00,",  # line 2 is right
            "2,tinfoil_mask,p01,rejected,lamp,,",
            "3,tinfoil-mask,p1,rejected,lamp,,",
            "1,tinfoil-mask,p01,rejected,lamp,,",
            "4,tinfoil-mask,p01,rejcted,lamp,,",
            "5,tinfoil-mask,p01,,lamp,,",
            "6,tinfoil-mask,p01,rejected,lamp,yesterday,",
            "7,tinfoil-mask,p01,rejected,lamp,,foil-c",
            "8,tinfoil-mask,p01,rejected,,,",
            "9,bonafide,p01,no-response,lamp,,",  # and line 11, the second of two planned
            "10,bonafide,p01,accepted,lamp,,",
            ",bonafide,p02,accepted,lamp,,",
            "11,bonafide,p02,accepted,lamp,,,7",
            "12,bonafide,p02,accepted,lamp,,foil-a",
            header="try,species,person,response,light,time,instrument",
        ),
        plan,
    )
    assert [entry.line for entry in log.tries] == [2, 11]
    expected = {
        3: "unknown species 'tinfoil_mask'; expected one of bonafide, painted_plate, tinfoil-mask; did you mean 'tinf",
        4: "unknown person 'p1'; expected one of p01, ",
        5: "the try 1 is there already; expected each try once; found it in line 2 too; remove one of them",
        6: "unknown response 'rejcted'; expected one of accepted, no-response, rejected; did you mean 'rejected'",
        7: "no response; expected accepted, rejected, no-response; no-response where nothing came back",
        8: "a time that cannot be read; expected as 2026-11-29 or 2026-11-29T14:05; found yesterday",
        9: "unknown instrument of tinfoil-mask 'foil-c'; expected one of foil-a, foil-b; did you mean",
        10: "no light; expected a value for every condition of the plan",
        12: "more tries of bonafide by p01 than planned; expected 2; found number 3; remove it, or change the plan",
        13: "no try; expected the cell 'try' filled in; complete the line",
        14: "more cells than columns; expected 7 cells; found '7' beyond them",
        15: "an instrument, 'foil-a', of a bona fide presentation; expected an empty cell",
    }
    shown = [str(breach) for breach in log.breaches]
    assert len(shown) == len(expected)
    for line, (number, words) in zip(shown, expected.items(), strict=True):
        assert line.startswith(f"line {number}: {words}"), line


def test_scores_are_held_against_the_declared_threshold(tmp_path: Path) -> None:
    plan = read_plan(write_plan(tmp_path, more="threshold: {value: 0.5, source: the manufacturer}"))
    header = "try;species;person;response;score"
    rows = ("1;bonafide;p01;;0.5", "2;bonafide;p01;rejected;0.6", "3;bonafide;p01;no-response;",
            "4;bonafide;p02;no-response;0.1", "5;bonafide;p02;;", "6;bonafide;p02;;0,4",
            "7;bonafide;p02;;nan")  # fmt: skip
    log = read_log(write_log(tmp_path / "log.csv", *rows, header=header), plan)
    assert [(entry.response, entry.score) for entry in log.tries] == [("accepted", 0.5), ("no-response", None)]
    assert [re.sub(r";.*", "", str(breach)) for breach in log.breaches] == [
        "line 3: rejected contradicts the score 0.6", "line 5: no-response with the score 0.1", "line 6: no score",
        "line 7: no score", "line 8: no score",
    ]  # fmt: skip
    with pytest.raises(UserError, match="lacks the column 'score'"):
        read_log(write_log(tmp_path / "other.csv", "1,bonafide,p01,accepted"), plan)


def test_columns_are_those_of_the_plan(tmp_path: Path) -> None:
    plan = read_plan(write_plan(tmp_path))
    for header, words in (
        ("try,species,person,response,tme", "unknown column 'tme'.*did you mean 'time'"),
        ("try,species,person,response,score", "unknown column 'score'.*conditions"),
        ("try,species,persn,response", "lacks the column 'person'"),
    ):
        with pytest.raises(UserError, match=words):
            read_log(write_log(tmp_path / "log.csv", "1,bonafide,p01,accepted,1", header=header), plan)


def test_a_log_in_the_making_says_what_is_still_to_be_done(tmp_path: Path) -> None:
    rows = ("1,bonafide,p01,accepted", "2,bonafide,p01,no-response", "3,tinfoil-mask,p02,rejected")
    for no_response, left in (("count", 117), ("exclude", 118)):  # to be repeated, or not
        plan = read_plan(write_plan(tmp_path, no_response=no_response))
        log = read_log(write_log(tmp_path / "log.csv", *rows), plan)
        assert sum(left_to_do(plan, log).values()) == left
        assert f"3 tries keep the plan; {left} of 120 presentations to do" in log_text(plan, log)
        assert "to do        bonafide: " + ("p02 2" if no_response == "count" else "p01 1") in log_text(plan, log)
    done = log_text(plan, read_log(complete_log(tmp_path / "whole.csv"), plan))
    assert done.endswith("120 tries keep the plan; the log is complete") and "to do    " not in done
    assert left_to_do(plan, read_log(write_log(tmp_path / "empty.csv"), plan)) == plan.tries
