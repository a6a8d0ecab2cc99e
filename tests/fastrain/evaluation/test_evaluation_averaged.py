"""Means over the networks of a run."""

from __future__ import annotations

from statistics import fmean, pstdev

import pytest

from fastrain.evaluation.averaged import networks, run_results
from fastrain.evaluation.results import evaluate
from fastrain.evaluation.scores import ScoreTable
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
            assert not {"low", "high", "rule"} & set(row)  # one network's interval is not that of a mean
    assert results["beside"]["selection"] == "source_val"
    before = ScoreTable(table.frame.assign(score=table.frame["score_best"]))
    assert results["beside"]["metrics"] == evaluate(before, selection="source_val", resamples=0)["metrics"]


def test_one_network_is_evaluated_as_it_is() -> None:
    assert run_results(twelve(), selection="last", fta="count", resamples=50) == evaluate(
        twelve(), selection="last", resamples=50
    )
