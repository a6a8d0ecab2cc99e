"""One network on each of several targets, and the mean over them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from fastrain.evaluation.averaged import networks, run_results
from fastrain.evaluation.results import evaluate
from fastrain.evaluation.scores import Samples, ScoreTable
from fastrain.evaluation.several_targets import mean_of_resamples, of_target, targets_of
from fastrain.evaluation.statistics.clusters import Clusters
from fastrain.evaluation.statistics.intervals import interval_of, resampled
from fastrain.evaluation.statistics.proportions import Interval, mean_of_many
from fastrain.evaluation.statistics.weighted import ScoreOrder, Weighted
from tests.fastrain.evaluation.tables import frame, row

EACH = "mm:CS2P+W"
TARGETS = ("padisi-face", "wmca")


def scored(protocol: str = EACH, people: int = 12) -> ScoreTable:
    """Two targets of two clips a label and person, of which the second is the harder one; and a source held out."""
    rng = np.random.default_rng(0)
    rows = []
    for dataset, noise, part in (("casia-surf", 0.3, "val"), ("wmca", 0.8, "test"), ("padisi-face", 0.3, "test")):
        for person in range(people):
            for label, middle in (("bonafide", 0.7), ("attack:print", 0.3)):
                for take in range(2):
                    score = float(np.round(rng.normal(middle, noise), 3))
                    name = f"{person:02}-{label[:4]}-{take}"
                    rows.append(row(name, score, label, dataset=dataset, part=part, domain=dataset))
    rows.append(row("lost", None, dataset="wmca", domain="wmca"))
    return ScoreTable(frame(*rows).assign(protocol=protocol))


def test_only_a_list_of_targets_is_judged_one_by_one() -> None:
    assert sorted(targets_of(scored())) == ["padisi-face", "wmca"]
    assert targets_of(scored("mm:CS2PW")) == () == targets_of(of_target(scored(), "wmca"))
    together = scored("mm:CS2PW")
    assert run_results(together, selection="last", fta="count", resamples=20) == evaluate(
        together, selection="last", resamples=20
    )


@pytest.mark.parametrize("fta", ["count", "exclude"])
def test_each_target_has_the_numbers_that_it_would_have_alone(fta: str) -> None:
    results = run_results(scored(), selection="last", fta=fta, resamples=10)
    for target in TARGETS:
        alone = evaluate(of_target(scored(), target), selection="last", fta=fta, resamples=10)
        block = results["targets"][target]
        assert block["thresholds"] == alone["thresholds"]
        for name in ("metrics", "species", "counts"):
            assert block[name] == [row for row in alone[name] if row["part"] == "test"] != []
            assert [row for row in results[name] if row["part"] == "val"] == [
                row for row in alone[name] if row["part"] == "val"
            ]
        assert {name: block["roc"][name] for name in block["roc"]} == {
            name: curve for name, curve in alone["roc"].items() if name.startswith("test")
        }


def value(results: dict[str, Any], metric: str, policy: str = "", level: str = "clip") -> dict[str, Any]:
    rows = [
        row for row in results["metrics"]
        if (row["part"], row["level"], row["metric"], row["threshold_policy"]) == ("test", level, metric, policy)
    ]  # fmt: skip
    return rows[0]


def test_a_mean_is_that_of_the_targets_and_better_known_than_any() -> None:
    results = run_results(scored(), selection="last", fta="count", resamples=100)
    means = [row for row in results["metrics"] if row["part"] == "test"]
    blocks = [results["targets"][target]["metrics"] for target in TARGETS]
    assert len(means) == len(blocks[0]) == len(blocks[1])
    for mean, first, second in zip(means, *blocks, strict=True):
        assert mean["value"] == pytest.approx((first["value"] + second["value"]) / 2)
    hter = value(results, "hter", "source_eer")
    widths = [
        row["high"] - row["low"]
        for row in (value(results["targets"][target], "hter", "source_eer") for target in TARGETS)
    ]
    assert hter["low"] < hter["value"] < hter["high"] and hter["rule"] == "averaged"
    assert hter["high"] - hter["low"] == pytest.approx(np.hypot(*widths) / 2, rel=0.1)
    assert results["uncertainty"]["test"]["note"].endswith("of 2 targets")
    assert results["uncertainty"]["test"]["subjects"] == 25  # twelve of each, and the person of the lost clip
    oracle = next(row for row in results["thresholds"] if row["policy"].startswith("target_eer"))
    assert oracle["value"] is None and oracle["reason"] == "each target has its own"


def test_networks_deviate_as_their_means_over_targets_do() -> None:
    frame = scored().frame
    table = ScoreTable(frame.assign(score_at_10=frame["score"] + (frame["label"] == "attack") * 0.2))
    results = run_results(table, selection="last", fta="count", resamples=10)
    tables = [ScoreTable(of.frame.drop(columns="score_at_10")) for of in networks(table)]
    alone = [run_results(of, selection="last", fta="count", resamples=0) for of in tables]
    means = [value(of, "auc")["value"] for of in alone]
    assert results["averaged_over"] == 2 and means[0] < means[1]
    row = value(results, "auc")
    assert (row["value"], row["std"]) == pytest.approx((np.mean(means), np.std(means))) and row["low"] < row["value"]


def test_what_a_target_lacks_has_no_mean_and_the_row_says_which() -> None:
    rows = scored().frame
    bonafide = rows[(rows["dataset"] != "wmca") | (rows["label"] == "bonafide")]
    results = run_results(ScoreTable(bonafide), selection="last", fta="count", resamples=0)
    auc = value(results, "auc")
    assert auc["value"] is None and auc["reason"].startswith("wmca: ")
    blocks = [results["targets"][target] for target in TARGETS]
    rejected = [value(block, "non_response_bonafide")["value"] for block in blocks]
    assert value(results, "non_response_bonafide")["value"] == pytest.approx(np.mean(rejected)) and max(rejected) > 0


def test_the_mean_varies_as_that_of_people_drawn_inside_each_dataset() -> None:
    clips = scored(people=40).part("test")
    assert clips is not None
    tables = [part for _, part in clips.frame.groupby("dataset")]
    drawn = [
        resampled(
            Samples.of(table, "count"), Clusters.of(table.frame), {"auc": Weighted.auc}, resamples=1500, seed=0
        )["auc"]
        for table in (ScoreTable(rows.reset_index(drop=True)) for rows in tables)
    ]  # fmt: skip
    together = Clusters.of(pd.concat(tables, ignore_index=True))
    both = Samples.of(ScoreTable(pd.concat(tables, ignore_index=True)), "count")
    first = np.arange(len(both.labels)) < len(tables[0])
    joint = []
    for weights in together.weights(both.labels, 1500, seed=1):
        halves = []
        for half in (first, ~first):
            samples = Samples(both.scores[half], both.labels[half], both.species[half], both.clip[half])
            halves.append(Weighted(ScoreOrder(samples), weights[:, half]).auc())
        joint.append(np.mean(halves, axis=0))
    own, oracle = interval_of(mean_of_resamples(drawn, 0)), interval_of(np.concatenate(joint))
    assert (own.low, own.high) == pytest.approx((oracle.low, oracle.high), abs=0.012)


def test_the_interval_of_a_mean_is_no_narrower_than_that_of_its_resamples() -> None:
    """Five people a target: joined intervals end at 0.93, the means in the resamples of both reach further."""
    table = scored(people=5)
    results = run_results(table, selection="last", fta="count", resamples=100)
    clips = table.part("test")
    assert clips is not None
    drawn = []
    for target in targets_of(table):
        of = ScoreTable(clips.frame[clips.frame["dataset"] == target].reset_index(drop=True))
        people = Clusters.of(of.frame)
        drawn.append(resampled(Samples.of(of, "count"), people, {"auc": Weighted.auc}, resamples=100, seed=0)["auc"])
    auc, of_mean = value(results, "auc"), interval_of(mean_of_resamples(drawn, 0))
    ends = [value(results["targets"][target], "auc") for target in TARGETS]
    each = [(end["value"], Interval(end["low"], end["high"])) for end in ends]
    joined = mean_of_many(each, range(2))
    assert joined.high < auc["high"] == pytest.approx(of_mean.high) and auc["rule"] == "resampled"
    assert auc["low"] == pytest.approx(min(joined.low, of_mean.low))
