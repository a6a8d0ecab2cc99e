"""What a score table says of itself: kept in our own files, refused where it contradicts itself or the manifest."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from fasdata.errors import UserError
from fastrain.evaluation.results import evaluate
from fastrain.evaluation.score_files import read_scores
from fastrain.evaluation.score_writers import write_scores
from fastrain.evaluation.scores import ScoreOrigin
from fastrain.rundir import RunFacts
from tests.fastrain.evaluation.tables import twelve

ORIGIN = ScoreOrigin("source_val", "best@120", "mcio:CIO2M", "standard", "0123456789abcdef" * 4)
ABOUT = {
    "selection": {"policy": "source_val", "metric": "auc", "checkpoint": "best", "iteration": 120},
    "protocol": "mcio:CIO2M",
    "recipe": "standard",
    "manifest_fingerprint": "0123456789abcdef" * 4,
}


def test_a_run_tells_its_policy_checkpoint_data_and_polarity_in_every_row() -> None:
    table = ScoreOrigin.of_run(RunFacts.model_validate(ABOUT)).on(twelve())
    columns = table.frame[["selection", "checkpoint", "protocol", "recipe", "manifest_fingerprint", "higher_is"]]
    assert columns.drop_duplicates().to_numpy().tolist() == [
        ["source_val", "best@120", "mcio:CIO2M", "standard", "0123456789abcdef" * 4, "bonafide"]
    ]
    assert "corruption" not in table.frame.columns
    assert ScoreOrigin.of(table) == ScoreOrigin.of(table.clips()) == ORIGIN
    imported = ScoreOrigin.of_run(
        RunFacts.model_validate({"selection": {"policy": "theirs", "checkpoint": "best", "iteration": None}})
    )
    assert imported == ScoreOrigin(selection="theirs", checkpoint="best")


@pytest.mark.parametrize(("form", "kept"), [("csv", True), ("parquet", True), ("bob", False), ("gradgpad", False)])
def test_our_own_forms_keep_it_and_in_all_the_numbers_are_the_same(tmp_path: Path, form: str, kept: bool) -> None:
    table = ScoreOrigin(**{**vars(ORIGIN), "corruption": "jpeg:3"}).on(twelve())
    out = tmp_path / (f"scores.{form}" if kept else "scores")
    write_scores(table, out, form)
    back = read_scores(out, key=twelve(), higher="bonafide")
    assert ScoreOrigin.of(back) == (ScoreOrigin.of(table) if kept else ScoreOrigin())
    if kept:
        pd.testing.assert_frame_equal(back.frame, table.frame, check_exact=True)
    before, after = (evaluate(scores, selection="last", resamples=200) for scores in (table, back))
    assert after == before


def test_a_table_that_says_nothing_is_as_good_as_before(tmp_path: Path) -> None:
    twelve().write_csv(tmp_path / "scores.csv")
    old = read_scores(tmp_path / "scores.csv")
    assert ScoreOrigin.of(old) == ScoreOrigin()
    ScoreOrigin().require_manifest("f" * 64, "scores.csv")  # nothing is known that could contradict


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("manifest_fingerprint", "f" * 64, f"mixes scores of .*one manifest_fingerprint.*found {'f' * 64}, 0123"),
        ("manifest_fingerprint", "", "expected one manifest_fingerprint in all rows; found none, 0123"),
        ("selection", "last", "expected one selection in all rows; found last, source_val"),
        ("checkpoint", "last@9", "expected one checkpoint in all rows"),
        ("recipe", "hfn_mp", "expected one recipe in all rows"),
        ("higher_is", "attack", "expected one higher_is in all rows"),
    ],
)
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_rows_of_different_origin_in_one_file_are_refused(
    tmp_path: Path, form: str, column: str, value: str, words: str
) -> None:
    frame = ORIGIN.on(twelve()).frame
    frame.loc[0, column] = value
    path = tmp_path / f"scores.{form}"
    frame.to_csv(path, index=False) if form == "csv" else frame.to_parquet(path, index=False)
    with pytest.raises(UserError, match=rf"scores\.{form} .*{words}") as caught:
        read_scores(path)
    assert "\n" not in str(caught.value)


def test_scores_that_rise_with_attacks_are_refused(tmp_path: Path) -> None:
    ORIGIN.on(twelve()).frame.assign(higher_is="attack").to_csv(tmp_path / "scores.csv", index=False)
    with pytest.raises(UserError, match="another class scores higher; expected higher_is bonafide; found attack"):
        read_scores(tmp_path / "scores.csv")


def test_another_manifest_is_told_by_its_fingerprint() -> None:
    ORIGIN.require_manifest(ORIGIN.manifest_fingerprint, "scores.csv")
    with pytest.raises(UserError) as caught:
        ORIGIN.require_manifest("f" * 64, "scores.csv")
    assert str(caught.value) == (
        "scores.csv holds scores of another manifest; expected fingerprint ffffffffffff; "
        "found 0123456789ab (mcio:CIO2M standard); name the manifest that these scores are of"
    )
