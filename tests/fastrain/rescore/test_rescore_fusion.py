"""Several runs as one decision: planted scores with known answers, and what cannot be fused."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fasdata.errors import UserError
from fasdata.library import Library
from fastrain.evaluation.scores import ScoreTable
from fastrain.rescore.fusion import Rule, fuse_runs, fused_table
from fastrain.run.run import run
from tests.commands import Called
from tests.fastrain.sessions import request

LABELS = ["bonafide", "bonafide", "attack", "attack"]


def table(scores: list[float], part: str = "test", labels: list[str] | None = None) -> ScoreTable:
    labels = labels or LABELS
    frame = pd.DataFrame({"clip_id": [f"c{n}" for n in range(len(scores))], "label": labels, "score": scores})
    frame["sample_id"], frame["frame_index"] = "d/" + frame["clip_id"], -1
    frame["attack_type"] = np.where(frame["label"] == "bonafide", "bonafide", "print")
    frame["subject"] = frame["clip_id"].str.replace("c", "p")
    status = ["fta" if np.isnan(score) else "ok" for score in scores]
    return ScoreTable(frame.assign(dataset="d", domain="d", part=part, pai="", status=status))


def decided(rule: str, first: list[float], second: list[float], thresholds: tuple[float, float]) -> list[bool]:
    fused = fused_table(Rule.parse(rule, 2), [table(first), table(second)], ["a", "b"], thresholds)
    return (fused.frame["score"] >= 0).tolist()


def test_and_accepts_what_all_accept_and_or_what_one_accepts() -> None:
    first, second = [0.9, 0.9, 0.9, 0.1], [3.0, -3.0, -3.0, -3.0]
    assert decided("and", first, second, (0.5, 0.0)) == [True, False, False, False]
    assert decided("or", first, second, (0.5, 0.0)) == [True, True, True, False]
    assert decided("and", [0.5] * 4, [0.0] * 4, (0.5, 0.0)) == [True] * 4  # a score on its threshold is accepted


def test_means_are_those_of_the_scores() -> None:
    first, second = table([0.8, 0.6, 0.2, 0.0]), table([0.4, 1.0, 0.0, 0.4])
    mean = fused_table(Rule.parse("mean", 2), [first, second], ["a", "b"], (0.5, 0.5))
    assert np.allclose(mean.frame["score"], [0.6, 0.8, 0.1, 0.2])
    weighted = fused_table(Rule.parse("weighted(3, 1)", 2), [first, second], ["a", "b"], (0.5, 0.5))
    assert np.allclose(weighted.frame["score"], [0.7, 0.7, 0.15, 0.1])


def test_clips_are_matched_by_name_and_what_one_lacks_is_not_acquired() -> None:
    second = table([0.0, float("nan"), 1.0, 0.5])
    turned = ScoreTable(second.frame.iloc[::-1].reset_index(drop=True))
    mean = fused_table(Rule.parse("mean", 2), [table([1.0, 1.0, 0.0, 0.5]), turned], ["a", "b"], (0.5, 0.5))
    assert mean.frame["status"].tolist() == ["ok", "fta", "ok", "ok"]
    assert np.allclose(mean.frame["score"].dropna(), [0.5, 0.5, 0.5])


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (table([0.1, 0.2, 0.3], labels=LABELS[:3]), "scored different clips; found 1 that one of them lacks"),
        (table([0.1] * 4, part="val"), "scored different clips"),
        (table([0.1] * 4, labels=LABELS[::-1]), "say different things of the same clips"),
        (table([0.1, 0.2, 0.3, 1.4]), "leave 0 to 1"),
    ],
)
def test_what_cannot_be_fused_says_why(other: ScoreTable, words: str) -> None:
    with pytest.raises(UserError, match=words):
        fused_table(Rule.parse("mean", 2), [table([0.5] * 4), other], ["a", "b"], (0.5, 0.5))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("ande", "unknown rule"),
        ("weighted(1)", "2 weights"),
        ("weighted(0,0)", "not all 0"),
        ("weighted(1.1.1,2)", "2 weights"),
    ],
)
def test_a_rule_that_is_none_is_refused(rule: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        Rule.parse(rule, 2)


def test_runs_are_fused_on_the_command_line(library: Library, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 2)):
        run(request("erm", library, tmp_path / name, "max_iterations=3", f"seed={seed}"))
    done = Called("fastrain", "eval", "--fuse", "and", tmp_path / "a", tmp_path / "b")
    assert done.code == 0 and "fused       and of erm (a), erm (b)" in done.out and "fixed(0)" in done.out, done.error
    assert "source_eer" in Called("fastrain", "eval", "--fuse", "mean", tmp_path / "a", tmp_path / "b").out
    assert "or --fuse RULE" in Called("fastrain", "eval", tmp_path / "a", tmp_path / "b").line
    assert "two or more run folders" in Called("fastrain", "eval", "--fuse", "and", tmp_path / "a").line
    shutil.copytree(tmp_path / "b", tmp_path / "c")
    scores = pd.read_csv(tmp_path / "c" / "scores.csv")
    scores[scores["part"] == "test"].to_csv(tmp_path / "c" / "scores.csv", index=False)
    with pytest.raises(UserError, match="has no threshold of held-out sources"):
        fuse_runs([tmp_path / "a", tmp_path / "c"], "or")
