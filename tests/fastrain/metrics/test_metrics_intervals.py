"""Intervals from arrays are those of results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import fastrain
from fasdata.errors import UserError
from fastrain import metrics
from tests.fastrain.report.fabricate import fabricate_run

RESAMPLES = 300


def test_from_arrays_as_from_a_score_table(tmp_path: Path) -> None:
    table = fastrain.read_scores(fabricate_run(tmp_path / "run"))
    results = fastrain.evaluate(table, selection="last", resamples=RESAMPLES)
    clips = table.clips().part("test")
    assert clips is not None
    rows = clips.frame
    arrays = {
        "scores": rows["score"].fillna(-np.inf).to_numpy(), "labels": (rows["label"] == "bonafide").to_numpy(int),
        "people": rows["subject"].to_numpy(), "datasets": rows["dataset"].to_numpy(),
        "clips": rows["clip_id"].to_numpy(), "species": rows["attack_type"].to_numpy(),
    }  # fmt: skip
    thresholds = {row["policy"]: row["value"] for row in results["thresholds"] if row["level"] == "clip"}
    compared = 0
    for row in results["metrics"]:
        name, policy = row["metric"], row["threshold_policy"]
        if (row["part"], row["level"]) != ("test", "clip") or row["value"] is None or name.startswith("non_response"):
            continue
        at = {"threshold": thresholds[policy]} if thresholds.get(policy) is not None and name in AT else {}
        if name in AT and not at:
            continue
        interval = metrics.interval(name, **arrays, **at, resamples=RESAMPLES)
        assert (interval.low, interval.high, interval.rule) == (row["low"], row["high"], row["rule"]), name
        compared += 1
    assert compared > 15


AT = ("hter", "apcer", "bpcer", "acer_max", "acer_pooled")


def test_without_people_every_clip_is_a_unit() -> None:
    scores, labels = np.r_[np.full(20, 0.9), np.full(20, 0.1)], np.r_[np.ones(20, int), np.zeros(20, int)]
    plain = metrics.interval("bpcer", scores, labels, threshold=0.5)
    alike = metrics.interval("bpcer", scores, labels, threshold=0.5, people=[f"p{i // 5}" for i in range(40)])
    assert plain.low == alike.low == 0 and plain.high < 0.17 < 0.6 < alike.high  # 20 clips; 4 people


def test_a_class_that_is_missing_has_no_interval() -> None:
    assert np.isnan(metrics.interval("auc", [0.1, 0.2], [0, 0]).low)


@pytest.mark.parametrize(
    ("metric", "options", "words"),
    [
        ("aux", {}, "unknown metric 'aux'; .* did you mean 'auc'"),
        ("hter", {}, "hter is measured at a threshold"),
        ("auc", {"threshold": 0.5}, "auc finds its own threshold"),
        ("auc", {"people": ["a"]}, "scores and people differ in number; found 2 scores, 1 people"),
        ("auc", {"labels": [1, 2]}, "unknown label"),
    ],
)
def test_what_does_not_fit_is_said(metric: str, options: dict, words: str) -> None:
    with pytest.raises(UserError, match=words):
        metrics.interval(metric, **{"scores": [0.1, 0.9], "labels": [0, 1], **options})
