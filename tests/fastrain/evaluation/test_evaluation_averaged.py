"""Means over the networks of a run."""

from __future__ import annotations

from statistics import fmean, pstdev

import pytest

from fastrain.evaluation.averaged import networks, run_results
from fastrain.evaluation.results import evaluate
from fastrain.evaluation.scores import ScoreTable
from fastrain.evaluation.statistics.proportions import clopper_pearson
from fastrain.evaluation.thresholds import fixed
from tests.fastrain.evaluation.tables import twelve


def several() -> ScoreTable:
    """Three networks: the second sees every class turned round, the third is none too sure; and the best of before."""
    frame = twelve().frame
    return ScoreTable(
        frame.assign(score_at_10=1 - frame["score"], score_at_20=frame["score"] / 2, score_best=frame["score"] ** 2)
    )


def test_every_number_is_the_mean_over_the_networks_with_their_deviation() -> None:
    table = several()
    results = run_results(table, selection="last", fta="count", resamples=50)
    alone = [evaluate(network, selection="last", resamples=0) for network in networks(table)]
    assert len(alone) == results["averaged_over"] == 3
    assert [network.frame["score"].iloc[0] for network in networks(table)] == pytest.approx([0.1, 0.45, 0.9])
    for block, number in (("metrics", "value"), ("thresholds", "value"), ("species", "apcer")):
        for at, row in enumerate(results[block]):
            values = [each[block][at][number] for each in alone]
            if row[number] is None:
                assert None in values and row["reason"] and row["std"] is None
            else:
                assert (row[number], row["std"]) == pytest.approx((fmean(values), pstdev(values)))
            if block != "thresholds" and row[number] is not None:
                assert row["low"] <= row[number] <= row["high"] and row["high"] - row["low"] > 0.1
    assert results["beside"]["selection"] == "source_val"
    before = ScoreTable(table.frame.assign(score=table.frame["score_best"]))
    assert results["beside"]["metrics"] == evaluate(before, selection="source_val", resamples=0)["metrics"]


def rows_of(results: dict, policy: str) -> dict:
    return {
        (row["level"], row.get("metric") or row["species"]): (row["low"], row["high"])
        for row in (*results["metrics"], *results["species"])
        if row["part"] == "test" and row["threshold_policy"] == policy
    }


def test_the_interval_is_that_of_the_mean() -> None:
    """Of six people whose bona fide clips are rejected by 2, 6 and 2 of three networks, each by its own share."""
    frame = twelve().frame
    kept = (frame["part"] == "val") | (frame["status"] == "fta")
    several = frame.assign(score_at_10=frame["score"].where(kept, -1.0), score_at_20=frame["score"])
    results = run_results(ScoreTable(several), selection="last", fta="count", policies=[fixed(0.5)], resamples=50)
    ends = rows_of(results, "fixed(0.5)")
    # BPCER: 2/6, 6/6, 2/6 are 10/18, which is 3 1/3 of 6 people. Species: replay 2/3, 0, 2/3 are 4/9, 1 1/3 of 3.
    assert ends["clip", "bpcer"] == pytest.approx(tuple(map(float, clopper_pearson(10 / 3, 6))))
    assert ends["clip", "replay"] == pytest.approx(tuple(map(float, clopper_pearson(4 / 3, 3))))
    assert ends["frame", "bpcer"] == ends["clip", "bpcer"]


def test_networks_that_agree_are_as_sure_as_one_of_them() -> None:
    alike = twelve().frame.assign(score_at_10=twelve().frame["score"], score_at_20=twelve().frame["score"])
    results = run_results(ScoreTable(alike), selection="last", fta="count", resamples=50)
    alone = evaluate(twelve(), selection="last", resamples=50)
    for block in ("metrics", "species"):
        for own, other in zip(results[block], alone[block], strict=True):
            assert [own.get(name) for name in ("low", "high")] == pytest.approx(
                [other.get(name) for name in ("low", "high")], abs=1e-12
            )
            assert own.get("rule") == other.get("rule")
    assert results["uncertainty"] == alone["uncertainty"]


def test_one_network_is_evaluated_as_it_is() -> None:
    assert run_results(twelve(), selection="last", fta="count", resamples=50) == evaluate(
        twelve(), selection="last", resamples=50
    )
