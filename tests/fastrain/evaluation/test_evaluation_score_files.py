"""Scores in the forms of others, there and back."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from fasdata.errors import UserError
from fastrain.evaluation.results import evaluate
from fastrain.evaluation.score_columns import Reading
from fastrain.evaluation.score_files import read_outside, read_scores
from fastrain.evaluation.score_writers import write_scores
from fastrain.evaluation.scores import ScoreTable
from tests.fastrain.evaluation.tables import frame, row, twelve


def several_frames() -> ScoreTable:
    rows = [row(f"b{c}", 0.5 + 0.1 * c + 0.01 * f, frame_index=f) for c in range(3) for f in range(2)]
    rows += [row(f"a{c}", 0.45 + 0.1 * c - 0.01 * f, "attack:print", frame_index=f) for c in range(3) for f in range(2)]
    return ScoreTable(frame(*rows))


@pytest.mark.parametrize("table", [twelve(), several_frames()], ids=["twelve", "several"])
@pytest.mark.parametrize("form", ["bob", "gradgpad", "csv", "parquet"])
def test_written_and_read_back_the_numbers_are_the_same(tmp_path: Path, table: ScoreTable, form: str) -> None:
    out = tmp_path / ("scores" if form in ("bob", "gradgpad") else f"scores.{form}")
    written = write_scores(table, out, form)
    assert all(path.is_file() for path in written)
    back = read_scores(out, key=table, higher="bonafide")
    before, after = (evaluate(scores, selection="last", resamples=200) for scores in (table, back))
    assert after == before


def test_the_header_of_bobs_file_is_bobs(tmp_path: Path) -> None:
    write_scores(twelve(), tmp_path / "s", "bob")
    lines = (tmp_path / "s" / "scores-eval.csv").read_text().splitlines()
    assert lines[0] == "claimed_id,test_label,is_bonafide,attack_type,score,frame_id,video_key,dataset,pai"
    assert "b0,OULU-NPU/b0/0,True,,0.9,0,OULU-NPU/b0,OULU-NPU," in lines
    assert "p1,OULU-NPU/p1/0,False,print,0.4,0,OULU-NPU/p1,OULU-NPU," in lines
    assert "b5,OULU-NPU/b5/-1,True,,nan,-1,OULU-NPU/b5,OULU-NPU," in lines
    assert len(lines) == 13 and len((tmp_path / "s" / "scores-dev.csv").read_text().splitlines()) == 5


def test_a_file_of_bobs_own_ids(tmp_path: Path) -> None:
    (tmp_path / "scores-eval.csv").write_text(
        "claimed_id,test_label,is_bonafide,attack_type,score\n7,real/7_a,True,,0.9\n7,att/7_b,False,print,0.2\n"
    )
    table = read_scores(tmp_path / "scores-eval.csv")
    assert table.frame["clip_id"].tolist() == ["real/7_a", "att/7_b"]
    assert table.frame["part"].unique().tolist() == ["test"]


def test_gradgpad_scores_need_labels_and_a_direction(tmp_path: Path) -> None:
    write_scores(twelve(), tmp_path / "s", "gradgpad")
    file = tmp_path / "s" / "test.json"
    assert json.loads(file.read_text())["OULU-NPU/b5/-1"] is None
    with pytest.raises(UserError, match="has no labels"):
        read_scores(file)
    with pytest.raises(UserError, match="which class scores higher"):
        read_scores(file, key=twelve())
    turned = read_scores(file, key=twelve(), higher="attack")
    assert turned.frame["score"].max() == -0.1
    file.write_text('{"OULU-NPU/b0/0": 0.5, "elsewhere": 0.1}')
    with pytest.raises(UserError, match=r"ids that the manifest does not have; found 'elsewhere'"):
        read_scores(file, key=twelve(), higher="bonafide")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"a": 1, "a": 2}', "'a' stands twice"),
        ('{"a": NaN}', "not a finite number"),
        ('{"a": "x"}', "not a finite number"),
        ("[1]", "holds no scores"),
        ("{", "expected JSON"),
    ],
)
def test_damaged_json_is_told_in_one_line(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(UserError, match=words):
        read_scores(tmp_path / "a.json", key=twelve(), higher="bonafide")


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("is_bonafide", "yes", "neither True nor False"),
        ("claimed_id", "a\0b", "a control character in subject"),
        ("score", "inf", "is not finite"),
        ("test_label", "OULU-NPU/b0/0", "occurs 2 times"),
        ("test_label", "", "has no sample_id"),
    ],
)
def test_damaged_rows_of_bobs_form_are_told_in_one_line(tmp_path: Path, column: str, value: str, words: str) -> None:
    write_scores(twelve(), tmp_path / "s", "bob")
    file = tmp_path / "s" / "scores-eval.csv"
    rows = pd.read_csv(file, dtype=str, keep_default_na=False)
    rows.loc[rows["test_label"] == "OULU-NPU/p0/0", column] = value
    rows.to_csv(file, index=False)
    with pytest.raises(UserError, match=words):
        read_scores(file)


def test_unknown_forms_and_places(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="form of scores"):
        write_scores(twelve(), tmp_path / "x", "bobb")
    with pytest.raises(UserError, match="holds no scores"):
        read_scores(tmp_path)
    (tmp_path / "a.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(UserError, match="not a readable parquet"):
        read_scores(tmp_path / "a.parquet")


def test_a_column_of_a_field_is_read_unless_it_has_another_role(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text("clip,label,score,field_device,field_person\na,bonafide,0.9,phone,p1\nb,attack,0.2,laptop,p2\n")
    assert read_scores(path).frame["field_device"].tolist() == ["phone", "laptop"]


def test_recordings_of_the_same_ids_are_told_apart_where_the_parts_differ_in_length(tmp_path: Path) -> None:
    """The three of development are renamed, and the two of evaluation are not."""
    for name, clips in (("scores-dev.csv", "abc"), ("scores-eval.csv", "ab")):
        rows = [f"7,{clip},{clip == 'a'},{'' if clip == 'a' else 'print'},0.{at}" for at, clip in enumerate(clips, 1)]
        (tmp_path / name).write_text("\n".join(["claimed_id,test_label,is_bonafide,attack_type,score", *rows]) + "\n")
    read = read_scores(tmp_path).frame
    assert dict(zip(read["clip_id"], read["part"], strict=True)) == {
        "dev: a": "val", "dev: b": "val", "dev: c": "val", "a": "test", "b": "test",
    }  # fmt: skip


def test_ids_that_differ_in_both_files_stay_as_they_are(tmp_path: Path) -> None:
    for name, clips in (("scores-dev.csv", "ab"), ("scores-eval.csv", "cd")):
        rows = [f"7,{clip},{clip in 'ac'},{'' if clip in 'ac' else 'print'},0.5" for clip in clips]
        (tmp_path / name).write_text("\n".join(["claimed_id,test_label,is_bonafide,attack_type,score", *rows]) + "\n")
    read = read_outside(tmp_path, Reading())
    assert read.table.frame["clip_id"].tolist() == ["a", "b", "c", "d"] and not any("both" in of for of in read.notes)
