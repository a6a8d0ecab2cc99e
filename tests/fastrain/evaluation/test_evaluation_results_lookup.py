"""Looking numbers up in results, and how they are spelled there."""

from __future__ import annotations

from typing import Any

from fasdata.page.spelling import Absent
from fastrain.evaluation.results_lookup import HONEST, ORACLE, Results, ends_of


def metric_row(metric: str, value: float | None, policy: str = "", **more: Any) -> dict[str, Any]:
    plain = {"part": "test", "level": "clip", "metric": metric, "threshold_policy": policy, "value": value}
    return plain | more


DATA = {
    "fta": "exclude",
    "part_names": {"val": "development part"},
    "thresholds": [
        {"level": "clip", "policy": ORACLE, "value": 0.25},
        {"level": "clip", "policy": "fixed(0.5)", "value": 0.5},
        {"level": "clip", "policy": HONEST, "value": None, "reason": "rejects everything"},
    ],
    "metrics": [
        metric_row("hter", 0.25, ORACLE),
        metric_row("hter", 0.5, "fixed(0.5)", low=0.25, high=0.75, rule="joined"),
        metric_row("hter", None, HONEST, reason="rejects everything"),
        metric_row("auc", 0.9, low=0.8, high=0.95, rule="resampled"),
        metric_row("eer", float("nan")),
        metric_row("hter", 0.1, HONEST, part="val"),
        metric_row("hter", 0.2, HONEST, level="frame"),
    ],
    "roc": {"test/clip": {"fpr": [0.0, 0.5, None, 1.0], "tpr": [0.0, 1.0, 1.0, float("nan")]}},
}


def test_numbers_are_found_by_part_level_metric_and_policy() -> None:
    results = Results(DATA)
    assert results.metric("test", "clip", "hter", ORACLE) == 0.25 and results.metric("test", "clip", "auc") == 0.9
    assert (
        results.metric("val", "clip", "hter", HONEST) == 0.1 and results.metric("test", "frame", "hter", HONEST) == 0.2
    )
    assert results.metric("test", "clip", "hter", HONEST) is None and results.metric("test", "clip", "eer") is None
    assert results.threshold("clip", ORACLE) == 0.25 and results.threshold("clip", HONEST) is None
    assert results.threshold_row("frame", ORACLE) == {}
    assert [row["value"] for row in results.rows("metrics", part="test", metric="auc")] == [0.9]
    assert list(Results({"metrics": ["no row"]}).rows("metrics")) == []


def test_a_number_is_shown_with_its_interval_or_the_reason_for_its_absence() -> None:
    results = Results(DATA)
    assert results.shown("test", "clip", "hter", "fixed(0.5)") == "50.00 %"
    assert results.shown("test", "clip", "hter", "fixed(0.5)", interval=True) == "50.00 % [25.00, 75.00] joined"
    assert results.shown("test", "clip", "auc", interval=True) == "0.900 [0.800, 0.950] resampled"
    assert results.shown("test", "clip", "hter", ORACLE, interval=True) == "25.00 %"
    averaged = Results({"metrics": [{**metric_row("hter", 0.2, HONEST), "std": 0.05, "low": 0.1, "high": 0.4}]})
    assert averaged.shown("test", "clip", "hter", HONEST, interval=True) == "20.00 ± 5.00 % [10.00, 40.00]"
    assert results.shown("test", "clip", "hter", HONEST) == Absent("rejects everything")
    assert results.shown("test", "clip", "eer") == Absent("undefined")
    assert results.shown("test", "clip", "bpcer", HONEST) == Absent("not among these results")
    assert results.shown("val", "frame", "hter", HONEST) == Absent("no development part scores")
    assert Results({}, "it was not evaluated").shown("test", "clip", "auc") == Absent("it was not evaluated")
    assert ends_of({"low": 0.1}) == {"ends": (0.1, None), "rule": ""}


def test_what_a_run_calls_its_parts_and_how_it_counted() -> None:
    results = Results(DATA)
    assert (results.named("val"), results.named("test")) == ("development part", "unseen domain")
    assert (results.fta, Results({}).fta) == ("exclude", "count")


def test_lines_begin_with_the_honest_one_and_end_with_the_oracle() -> None:
    assert Results(DATA).lines() == [
        ("test", "clip", HONEST),
        ("test", "clip", "fixed(0.5)"),
        ("test", "clip", ORACLE),
        ("test", "frame", HONEST),
        ("val", "clip", HONEST),
    ]


def test_points_of_a_curve_that_are_no_numbers_are_left_out() -> None:
    assert Results(DATA).roc("test", "clip") == ([0.0, 0.5], [0.0, 1.0])
    assert Results(DATA).roc("val", "clip") == ([], [])


def test_a_target_has_the_names_of_the_whole_and_what_it_says_itself() -> None:
    block = {"metrics": [metric_row("hter", 0.3, HONEST)]}
    whole = Results({**DATA, "averaged_over": 3, "targets": {"wmca": block}, "subjects": 7})
    target = whole.targets()["wmca"]
    assert target.data["averaged_over"] == 3 and target.data["part_names"] == {"val": "development part"}
    assert "subjects" not in target.data
    assert target.metric("test", "clip", "hter", HONEST) == 0.3 and target.metric("val", "clip", "hter", HONEST) == 0.1
    assert "averaged_over" not in Results({"targets": {"wmca": block}}).targets()["wmca"].data
