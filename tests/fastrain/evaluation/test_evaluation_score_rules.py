"""`fastrain eval SCORES` on scores that nothing true can be computed from: one line each, and no number."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fastrain.evaluation.score_files import read_scores
from fastrain.evaluation.score_writers import write_scores
from fastrain.evaluation.scores import ScoreTable
from tests.commands import Called
from tests.fastrain.evaluation.tables import frame, row, twelve

Change = Callable[[pd.DataFrame], pd.DataFrame]


def at(place: int, column: str, value: object) -> Change:
    """Return the change of one cell."""

    def change(rows: pd.DataFrame) -> pd.DataFrame:
        rows = rows.astype({column: object})
        rows.loc[place, column] = value
        return rows

    return change


FAULTS: dict[str, Change] = {
    "row 3 has no sample_id": at(2, "sample_id", ""),
    "'OULU-NPU/b0/0' occurs 2 times": at(2, "sample_id", "OULU-NPU/b0/0"),
    "unknown label .*'spof'.*expected one of attack": at(6, "label", "spof"),
    "score of sample 'OULU-NPU/b2/0' is not finite.*found inf": at(2, "score", np.inf),
    "score of sample 'OULU-NPU/b2/0' is not finite.*found nan": at(2, "score", np.nan),
    "score of sample 'OULU-NPU/b2/0' is not a number": at(2, "score", "high"),
}


@pytest.mark.parametrize("words", FAULTS)
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_damaged_table_is_refused_in_one_line(tmp_path: Path, form: str, words: str) -> None:
    rows = FAULTS[words](twelve().frame)
    path = tmp_path / f"scores.{form}"
    if form == "csv":
        rows.to_csv(path, index=False)
    else:
        if "not a number" in words:
            rows["score"] = rows["score"].astype(str)
        rows.to_parquet(path, index=False)
    done = Called("fastrain", "eval", path)
    assert done.out == ""
    assert re.search(words, done.line), done.line


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_an_attack_type_outside_the_vocabulary_is_a_species_of_its_own(tmp_path: Path, form: str) -> None:
    rows = at(6, "attack_type", "paper")(at(7, "attack_type", "PA.F.1")(twelve().frame))
    path = tmp_path / f"scores.{form}"
    rows.to_csv(path, index=False) if form == "csv" else rows.to_parquet(path, index=False)
    read = read_scores(path).frame
    assert read.loc[[6, 7, 8], ["attack_type", "pai"]].to_numpy().tolist() == [
        ["print", "paper"], ["unknown", "PA.F.1"], ["print", ""],
    ]  # fmt: skip
    assert Called("fastrain", "eval", path).code == 0


@pytest.mark.parametrize("label", ["bonafide", "attack"])
def test_one_label_only_is_refused_unless_a_threshold_is_given(tmp_path: Path, label: str) -> None:
    table = twelve()
    ScoreTable(table.frame[(table.frame["part"] == "val") | (table.frame["label"] == label)]).write_csv(
        tmp_path / "scores.csv"
    )
    done = Called("fastrain", "eval", tmp_path / "scores.csv")
    assert done.out == ""
    assert (
        f"has one label only in part test; expected bonafide and attack; found {label}; name a threshold" in done.line
    )
    text = Called("fastrain", "eval", tmp_path / "scores.csv", "--threshold", "fixed(0.5)").out
    rate, other = ("bpcer", "apcer") if label == "bonafide" else ("apcer", "bpcer")
    missing = "attack" if label == "bonafide" else "bona fide"
    lines = {tuple(line.split()[:2]): " ".join(line.split()[2:]) for line in text.splitlines()}
    assert lines["test", rate].startswith("33.33 %" if label == "bonafide" else "66.67 %")
    for name in (other, "hter", "auc", "eer"):
        assert lines["test", name].startswith(f"- (no {missing})"), name


def test_a_table_without_a_judged_part_is_refused(tmp_path: Path) -> None:
    ScoreTable(twelve().frame.assign(part="train")).write_csv(tmp_path / "scores.csv")
    assert (
        "nothing to evaluate; expected rows of part test or val"
        in Called("fastrain", "eval", tmp_path / "scores.csv").line
    )


def test_clips_without_a_score_are_counted_where_a_form_cannot_tell_why(tmp_path: Path) -> None:
    """In bob's form nan is a failure to acquire: it is never passed over in silence."""
    rows = [row("b0", 0.9), row("b1", None), row("a0", 0.1, "attack:print"), row("a1", None, "attack:print")]
    write_scores(ScoreTable(frame(*rows)), tmp_path / "bob", "bob")
    text = Called("fastrain", "eval", tmp_path / "bob").out
    assert "no score    test: 2 of 4 clips, failures to acquire" in text.splitlines()
    whole = Called("fastrain", "eval", _written(tmp_path / "whole.csv", frame(rows[0], rows[2]))).out
    assert "no score" not in whole


def _written(path: Path, rows: pd.DataFrame) -> Path:
    ScoreTable(rows).write_csv(path)
    return path
