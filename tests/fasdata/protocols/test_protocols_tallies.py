"""Counts of lost clips, by label and reason."""

from __future__ import annotations

import pytest

from fasdata.protocols.manifest_text import describe
from fasdata.protocols.tallies import with_ranges
from tests.fasdata.protocols.building import build, lose_faces


def test_the_summary_tells_losses_by_label_and_reason(stores, make):
    lose_faces(make, stores["msu-mfsd"], 0)
    lose_faces(make, stores["oulu-npu"], 0)
    text = describe(build(stores, validation="none"))
    for part in (
        "0 = CASIA-FASD (C), 1 = Replay-Attack (I), 2 = OULU-NPU (O)",
        "validation  none: every subject of the sources' splits trains",
        "dropped, no usable frame: 1 clips",
        "failure to acquire (kept in the target with status fta): 1 clips",
        "not used by the recipe: replay-attack dev attack 6, replay-attack dev bonafide 3",
        "fta: no usable face in 20 searched frames of 20",
    ):
        assert part in text


def test_the_summary_says_where_a_recipe_holds_out_what_its_authors_train_on(stores):
    assert "the recipe's authors hold none out (--val none)" in describe(build(stores, recipe="hfn_mp"))
    assert "hold none out" not in describe(build(stores))


def test_reasons_that_differ_in_numbers_alone_count_together(stores, make):
    for place, searched in ((0, 9), (3, 12), (6, 12)):
        record = stores["msu-mfsd"].clip_records[place]
        reason = f"no usable face in {searched} searched frames of 20"
        stores["msu-mfsd"].change(place, frames=(), status="fta", reason=reason)
        assert record.clip.label == "bonafide"
    [loss] = build(stores).meta["fta"]
    assert (loss["reason"], loss["clips"]) == ("fta: no usable face in 9 to 12 searched frames of 20", 3)


@pytest.mark.parametrize(
    ("reasons", "expected"),
    [
        (["cut at byte 4711"], "cut at byte 4711"),
        (["ssdg(2)@decoded: 8 of h264", "ssdg(2)@decoded: 6 of h264"], "ssdg(2)@decoded: 6 to 8 of h264"),
        (["row 7 is 'x 1 2'", "row 3 is 'x 1 2'"], "row 3 to 7 is 'x 1 2'"),
        (["the clip's 5 frames", "the clip's 6 frames"], "the clip's 5 to 6 frames"),
        (["n" + "9" * 5000 + " " + "9" * 5000] * 2, "n" + "9" * 5000 + " " + "9" * 5000),
    ],
)
def test_the_ranges_of_numbers_leave_quotes_rules_and_names_alone(reasons, expected):
    assert with_ranges(reasons) == expected


def test_reasons_that_quote_other_numbers_count_apart(stores):
    for place, text in ((0, "a 1"), (3, "a 2")):
        stores["msu-mfsd"].change(place, frames=(), status="failed", reason=f"line 5 is '{text}'")
    assert [loss["reason"] for loss in build(stores).meta["fta"]] == [
        "failed: line 5 is 'a 1'",
        "failed: line 5 is 'a 2'",
    ]
