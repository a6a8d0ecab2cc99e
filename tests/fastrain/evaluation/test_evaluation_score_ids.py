"""Scores whose ids are those of a manifest's samples take everything else from the manifest."""

from __future__ import annotations

from pathlib import Path

import pytest

from fasdata.errors import UserError
from fastrain.evaluation.score_columns import Reading
from fastrain.evaluation.score_files import read_outside
from fastrain.evaluation.score_ids import lined_up, matched
from fastrain.evaluation.scores import ScoreTable
from tests.fastrain.evaluation.tables import frame, row, twelve


def of_test(**columns: object) -> ScoreTable:
    """The test samples of `twelve` that have a score, last ones first, as somebody else wrote them down."""
    rows = twelve().frame
    rows = rows[(rows["part"] == "test") & (rows["status"] == "ok")].iloc[::-1]
    return ScoreTable(rows.assign(**columns), "theirs.csv")


def test_what_a_sample_is_comes_from_the_manifest_and_its_score_from_the_file() -> None:
    theirs = of_test(
        score=range(11), subject="?", label="attack", attack_type="mask-3d", score_at_10=0.25, field_site="x"
    )
    table = lined_up(theirs, twelve()).frame
    known = twelve().frame.set_index("sample_id")
    names = [f"OULU-NPU/{clip}/0" for clip in ("r2", "r1", "r0", "p2", "p1", "p0", "b4", "b3", "b2", "b1", "b0")]
    assert table["sample_id"].tolist() == [*names, "OULU-NPU/b5/-1"]  # the sample without a face is there again
    for column in ("label", "attack_type", "subject", "clip_id", "part"):
        assert table[column].tolist() == known.loc[table["sample_id"], column].tolist()
    assert table["score"].tolist()[:11] == list(range(11)) and table["status"].tolist() == ["ok"] * 11 + ["fta"]
    assert table["score"].isna().tolist() == [False] * 11 + [True]
    assert table["score_at_10"].tolist()[:11] == [0.25] * 11 and table["field_site"].tolist()[:11] == ["x"] * 11


def test_a_sample_that_failed_may_be_named_and_stands_once() -> None:
    rows = twelve().frame
    theirs = ScoreTable(rows[rows["part"] == "test"], "theirs.csv")
    assert lined_up(theirs, twelve()).frame["sample_id"].tolist() == theirs.frame["sample_id"].tolist()


def test_samples_that_the_manifest_does_not_have_and_those_that_are_lacking_are_named() -> None:
    with pytest.raises(UserError, match=r"theirs.csv lacks scores of samples.*found 'OULU-NPU/p1/0', 'OULU-NPU/r2/0'"):
        rows = of_test().frame
        lined_up(ScoreTable(rows[~rows["clip_id"].isin(["p1", "r2"])], "theirs.csv"), twelve())
    own_clips = of_test(clip_id=[f"theirs{number}" for number in range(11)]).frame
    strange = frame(row("odd", 0.5), *own_clips.to_dict("records"))
    with pytest.raises(UserError, match=r"does not have; found 'OULU-NPU/odd/0'"):
        lined_up(ScoreTable(strange, "theirs.csv"), twelve())
    # A part of which the file has nothing is not asked for: nothing of "val" is scored here.
    assert set(lined_up(of_test(), twelve()).frame["part"]) == {"test"}


def test_a_clip_without_a_face_comes_from_the_manifest(tmp_path: Path) -> None:
    key = twelve()
    clips = [clip for clip in key.clips().frame.itertuples() if clip.part == "test" and clip.status == "ok"]
    (tmp_path / "s.csv").write_text("score,clip\n" + "".join(f"0.5,{clip.clip_id}\n" for clip in clips))
    frame = lined_up(read_outside(tmp_path / "s.csv", Reading(), key=key).table, key).frame
    assert frame["clip_id"].tolist() == [*(clip.clip_id for clip in clips), "b5"]
    assert frame["status"].tolist() == ["ok"] * 11 + ["fta"]


def test_rows_that_are_found_have_the_columns_of_the_manifest() -> None:
    samples = twelve().frame
    for names in (["OULU-NPU/b1/0", "OULU-NPU/p0/0"], ["b1", "p0"]):
        assert matched(names, samples, "x").columns.tolist() == samples.columns.tolist()
