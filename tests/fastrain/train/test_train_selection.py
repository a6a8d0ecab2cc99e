"""Results as means over the last epochs, one random frame a clip, and which networks are kept for that."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean, pstdev

import numpy as np
import pandas as pd
import pytest

from fasdata.errors import UserError
from fasdata.library import Library
from fastrain.config import TrainConfig
from fastrain.evaluation.averaged import run_results
from fastrain.evaluation.results import evaluate
from fastrain.evaluation.scores import ScoreTable
from fastrain.rescore.other_data import Asked
from fastrain.rescore.scores_alone import evaluate_scores
from fastrain.run.run import evaluate_run, run
from fastrain.train.selection import MeanLast, SourceVal
from tests.fastrain.sessions import last, log, request, session
from tests.fastrain.world import CANONICAL, RECIPE


@pytest.mark.parametrize(
    ("iterations", "epoch", "n", "kept"),
    [
        (12, 3, 2, [9, 12]),
        (12, 3, 9, [3, 6, 9, 12]),
        (13, 3, 3, [9, 12, 13]),
        (2, 3, 10, [2]),
        (12, 3, 1, [12]),
    ],
)
def test_the_ends_of_the_last_epochs_are_kept(iterations: int, epoch: int, n: int, kept: list[int]) -> None:
    train = TrainConfig.model_validate({"max_iterations": iterations, "steps_per_epoch": epoch})
    policy = MeanLast(n, SourceVal("auc"))
    assert policy.kept(train) == kept
    assert policy.name == f"mean_last_{n}"


@pytest.fixture(scope="module")
def finished(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of gac_fas that takes its last three epochs and validates seldom before; not to be changed."""
    folder = tmp_path_factory.mktemp("mean") / "run"
    run(request("gac_fas", library, folder, "last_n=3", "validate_every_epochs=4", "max_iterations=15"))
    return folder


def test_each_of_the_last_epochs_is_validated_and_kept(finished: Path) -> None:
    assert [line["iteration"] for line in log(finished) if line["kind"] == "val"] == [9, 12, 15]
    names = {path.stem for path in (finished / "checkpoints").glob("*.safetensors")}
    assert names == {"last", "best", "at-9", "at-12"}
    at = last(finished, "at-12")
    assert at.facts["iteration"] == 12
    assert all(name.startswith("method/") for name in at.tensors)


def test_metrics_are_means_over_the_networks_with_their_deviation(finished: Path) -> None:
    table = ScoreTable.read_csv(finished / "scores.csv")
    assert {"score", "score_at_9", "score_at_12", "score_best"} <= set(table.frame.columns)
    results = json.loads((finished / "results.json").read_text())
    assert (results["selection"], results["averaged_over"]) == ("mean_last_3", 3)

    def metric_of(column: str, metric: str, policy: str) -> float:
        results = evaluate(ScoreTable(table.frame.assign(score=table.frame[column])), selection="", resamples=0)
        return value(results["metrics"], metric, policy)["value"]

    for metric, policy in (("auc", ""), ("hter", "target_eer (oracle)"), ("hter", "source_eer"), ("tpr_at_fpr_5", "")):
        each = [metric_of(column, metric, policy) for column in ("score_at_9", "score_at_12", "score")]
        row = value(results["metrics"], metric, policy)
        assert row["value"] == pytest.approx(fmean(each)) and row["std"] == pytest.approx(pstdev(each))
        assert row["low"] <= row["value"] <= row["high"] and row["high"] - row["low"] > 0.05
        beside = value(results["beside"]["metrics"], metric, policy)
        assert beside["value"] == pytest.approx(metric_of("score_best", metric, policy))
    assert results["beside"]["selection"] == "source_val"


def value(rows: list[dict], metric: str, policy: str) -> dict:
    wanted = {"part": "test", "level": "clip", "metric": metric, "threshold_policy": policy}
    return next(row for row in rows if all(row[key] == word for key, word in wanted.items()))


def test_the_words_of_a_run_say_so(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (finished / "results.json").read_text()
    evaluate_run(finished)
    assert (finished / "results.json").read_text() == before
    printed = capsys.readouterr().out
    assert "selected by mean_last_3: iteration 15; rates are means over 3 iterations ± their deviation" in printed
    assert "beside: the best by source_val" in printed and "±" in printed
    about = json.loads((finished / "run.json").read_text())
    assert about["selection"]["policy"] == "mean_last_3" and about["selection"]["iteration"] == 15


def test_evaluating_the_scores_again_keeps_the_mean(finished: Path, library: Library, tmp_path: Path) -> None:
    results = json.loads((finished / "results.json").read_text())
    row = value(results["metrics"], "auc", "")
    asked = Asked(manifest=str(library.protocol_dir(CANONICAL, RECIPE) / "manifest.parquet"))
    for given in (Asked(), asked):
        text = evaluate_scores(finished, given, thresholds=["source_eer"])
        assert "selected by mean_last_3: last@15; means over 3 networks" in text
        assert f"test  auc       {row['value']:.3f} ± {row['std']:.3f}" in text
    text = evaluate_scores(finished, Asked(), form="bob", out=tmp_path / "bob")
    assert "note: that form has one score a sample; these are the last network's" in text


def test_a_rate_that_one_network_lacks_has_no_mean() -> None:
    table = ScoreTable(
        pd.DataFrame(
            {
                "sample_id": [f"d/c{i}/0" for i in range(4)], "dataset": "d", "domain": "M", "part": "test",
                "clip_id": [f"c{i}" for i in range(4)], "subject": "s", "label": ["bonafide", "attack"] * 2,
                "attack_type": ["bonafide", "print"] * 2, "pai": "", "frame_index": 0, "status": "ok",
                "score": [0.9, 0.1, 0.8, 0.2], "score_at_5": [0.7, 0.3, 0.2, 0.6],
            }
        )
    )  # fmt: skip
    results = run_results(table, selection="mean_last_2", fta="count")
    assert value(results["metrics"], "auc", "")["value"] == pytest.approx((1 + 0.5) / 2)
    row = value(results["metrics"], "hter", "source_eer")
    assert row["value"] is None and row["std"] is None and "val" in row["reason"]


def test_one_random_frame_a_clip_another_each_time(library: Library, tmp_path: Path) -> None:
    run(request("gac_fas", library, tmp_path / "one", "frames=random_one"))
    run(request("gac_fas", library, tmp_path / "all"))
    single, whole = (pd.read_csv(tmp_path / name / "scores.csv") for name in ("one", "all"))
    assert len(whole) == 2 * len(single) and single.groupby(["dataset", "clip_id"]).size().eq(1).all()
    assert single["frame_index"].nunique() == 2
    # The weights are the same, so each score of `one` is that of one of the clip's two frames, at each evaluation.
    chances = []
    for column in ("score", "score_at_9"):
        pairs = whole.pivot(index=["dataset", "clip_id"], columns="frame_index", values=column)
        drawn = single.set_index(["dataset", "clip_id"])[column]
        near = np.abs(pairs.sub(drawn, axis=0)) < 1e-6
        assert near.any(axis=1).all()
        chances.append(near.iloc[:, 0].to_numpy())
    assert not np.array_equal(*chances) or len(single) < 4


def test_a_kept_network_lost_is_told(library: Library, tmp_path: Path) -> None:
    training = session(request("gac_fas", library, tmp_path / "run"))
    training.train()
    (tmp_path / "run" / "checkpoints" / "at-9.safetensors").unlink()
    with pytest.raises(UserError, match=r"no checkpoint at .*at-9"):
        training.score()
