"""Score tables: in and out without loss, and every fault named in one line."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fasdata.errors import UserError
from fastrain.evaluation.scores import Samples, ScoreTable
from tests.fastrain.evaluation.tables import frame, row, twelve


def test_a_written_table_reads_back_the_same_to_the_last_bit(tmp_path: Path) -> None:
    table = ScoreTable(
        frame(
            row("NA", 1 / 3, score_map=0.1 + 0.2, subject="007"),
            row('odd, "name"', float(np.float32(0.1)), "attack:print", score_map=1e-17),
            row("é", None, score_map=None),
        )
    )
    table.write_csv(tmp_path / "scores.csv")
    again = ScoreTable.read_csv(tmp_path / "scores.csv")
    pd.testing.assert_frame_equal(again.frame, table.frame, check_exact=True)
    assert again.frame["subject"][0] == "007"
    assert [path.name for path in tmp_path.iterdir()] == ["scores.csv"]
    with (tmp_path / "scores.csv").open(encoding="utf-8", newline="") as file:
        assert [line["score"] for line in csv.DictReader(file)][2] == ""


def test_parts_are_taken_apart() -> None:
    table = twelve()
    assert table.parts() == ("test", "val")
    test, val = table.part("test"), table.part("val")
    assert test and val and (len(test.frame), len(val.frame)) == (12, 4)
    assert table.part("train") is None


def test_clips_average_their_frames_and_keep_their_order() -> None:
    clips = ScoreTable(
        frame(
            row("b1", 0.5, frame_index=3, score_map=1.0),
            row("a0", 0.2, "attack:print", score_map=0.0),
            row("b1", 0.7, frame_index=9, score_map=0.5),
            row("b2", None, score_map=None),
            row("b1", 0.1, dataset="MSU-MFSD", score_map=0.3),
        )
    ).clips()
    assert clips.frame["sample_id"].tolist() == ["OULU-NPU/b1", "OULU-NPU/a0", "OULU-NPU/b2", "MSU-MFSD/b1"]
    np.testing.assert_equal(clips.frame["score"].to_numpy(), [0.6, 0.2, np.nan, 0.1])
    np.testing.assert_equal(clips.frame["score_map"].to_numpy(), [0.75, 0.0, np.nan, 0.3])
    assert clips.frame["n_frames"].tolist() == [2, 1, 0, 1]
    assert clips.frame["status"].tolist() == ["ok", "ok", "fta", "ok"]
    assert set(clips.frame["frame_index"]) == {-1}


def test_the_table_owns_its_frame() -> None:
    given = frame(row("b0", 0.5))
    table = ScoreTable(given)
    given.loc[0, "score"] = 0.9
    assert table.frame["score"][0] == 0.5


def test_numbers_and_gaps_from_a_data_frame_become_text() -> None:
    table = ScoreTable(frame(row("b0", 0.5, subject=7, pai=None), row("b1", 0.5, subject=8, pai=None)))
    assert table.frame["subject"].tolist() == ["7", "8"]
    assert table.frame["pai"].tolist() == ["", ""]


FAULTS = {
    "lacks the column score": lambda t: t.drop(columns="score"),
    "lacks the column label, attack_type": lambda t: t.drop(columns=["label", "attack_type"]),
    "holds no score": lambda t: t.iloc[:0],
    "'OULU-NPU/b0/0' occurs 2 times": lambda t: pd.concat([t, t.iloc[:1]]),
    "has no sample_id": lambda t: t.assign(sample_id=""),
    "has no clip_id": lambda t: t.assign(clip_id=""),
    "unknown label.*'live'.*attack, bonafide": lambda t: t.assign(label="live"),
    "unknown part.*'dev'": lambda t: t.assign(part="dev"),
    "unknown status.*'OK'.*did you mean 'ok'": lambda t: t.assign(status="OK"),
    "unknown attack_type.*'prnit'.*did you mean 'print'": lambda t: t.replace({"attack_type": {"print": "prnit"}}),
    "attack_type.*attack sample.*'bonafide'": lambda t: t.assign(attack_type="bonafide"),
    "attack_type.*bonafide sample.*'print'": lambda t: t.assign(attack_type="print"),
    "'OULU-NPU/b0/0' is not finite.*found inf": lambda t: t.replace({"score": {0.9: np.inf}}),
    "'OULU-NPU/b0/0' is not finite.*found nan": lambda t: t.replace({"score": {0.9: np.nan}}),
    "'OULU-NPU/b1/0' has status fta and a score": lambda t: t.assign(status=["ok", "fta", "ok"]),
    "score of sample 'OULU-NPU/b1/0' is not a number; found '0,4'": lambda t: t.assign(score=["0.9", "0,4", "0.1"]),
    "frame_index is not a whole number": lambda t: t.assign(frame_index=0.5),
    "clip OULU-NPU/b0 contradict.*one label a clip": lambda t: t.assign(clip_id="b0", subject="b0"),
    "clip OULU-NPU/b0 contradict.*one part a clip.*test, val": lambda t: t.iloc[:2].assign(
        clip_id="b0", subject="b0", part=["test", "val"]
    ),
}


@pytest.mark.parametrize("words", FAULTS)
def test_a_fault_is_one_line_that_names_the_place(words: str, tmp_path: Path) -> None:
    broken = FAULTS[words](frame(row("b0", 0.9), row("b1", 0.4), row("a0", 0.1, "attack:print")))
    with pytest.raises(UserError, match=words) as caught:
        ScoreTable(broken, "scores.csv")
    assert "scores.csv" in str(caught.value) and "\n" not in str(caught.value)
    path = tmp_path / "scores.csv"
    broken.to_csv(path, index=False)
    with pytest.raises(UserError, match=words):
        ScoreTable.read_csv(path)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00junk", b'a,b\n"unclosed', b"a,b\n1,2\n1,2,3,4\n"])
def test_a_file_that_is_no_table_is_one_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"scores\.csv") as caught:
        ScoreTable.read_csv(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no score file at"):
        ScoreTable.read_csv(tmp_path / "scores.csv")
    with pytest.raises(UserError, match="a folder"):
        ScoreTable.read_csv(tmp_path)


def test_clips_and_species_keep_the_order_of_the_rows() -> None:
    table = ScoreTable(frame(row("r0", 0.2, "attack:replay"), row("b0", 0.9), row("p0", 0.1, "attack:print")))
    assert table.clips().frame["clip_id"].tolist() == ["r0", "b0", "p0"]
    kinds = Samples.of(table, "count").kinds
    assert {name: of.tolist() for name, of in kinds.items()} == {
        "print": [False, False, True], "replay": [True, False, False],
    }  # fmt: skip


def test_a_frame_without_a_number_has_minus_one() -> None:
    rows = frame(row("b0", 0.9), row("b1", 0.8), row("p0", 0.1, "attack:print")).astype({"frame_index": object})
    rows["frame_index"] = ["", None, "4"]
    assert ScoreTable(rows).frame["frame_index"].tolist() == [-1, -1, 4]
