"""The measures for a card run on a processor, at toy size, and say what they saw."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import on_gpu
from benchmarks.on_gpu_steps import compared


def test_the_measures_for_a_card_run_on_a_processor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    on_gpu.main(["--out", str(tmp_path), "--device", "cpu", "--size", "toy", "--methods", "erm"])
    report = json.loads((tmp_path / "on_gpu.json").read_text())
    parts = report["parts"]
    assert list(parts) == list(on_gpu.PARTS) and not any("failed" in str(part) for part in parts.values()), parts
    for row in parts["extraction"]["rows"]:  # a processor's batches change nothing
        assert row["equal_hashes"] == parts["extraction"]["clips"] and row["frames_seen"] and not row["box_gap_px"]
    assert [(row["method"], row["way"]) for row in parts["steps"]][:2] == [("erm", "fp32"), ("erm", "channels_last")]
    of_erm = {row["way"]: row for row in parts["steps"] if row["method"] == "erm"}
    assert of_erm["fp32"]["loss_gap"] == 0 < of_erm["bf16"]["loss_gap"] < 0.2
    assert of_erm["fp32"]["gigaflop"] > 0 and parts["processes"]["two_over_one"] > 0
    assert max(row["largest_difference"] for row in parts["onnx"]) < 1e-4
    assert report["left_out"] == ["compiled steps: they are for CUDA"]
    page = (tmp_path / "on_gpu.md").read_text()
    assert "No card was used" in page and "| erm | bf16 channels_last |" in page


def test_a_part_that_fails_is_told_and_stops_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_gpu, "machine", lambda *of: 1 / 0)
    options = ["--out", str(tmp_path), "--device", "cpu", "--size", "toy", "--minutes", "0"]
    report = on_gpu.main([*options, "--parts", "machine", "steps", "--methods", "erm"])
    assert report["parts"]["machine"] == {"failed": "ZeroDivisionError: division by zero"}
    assert report["parts"]["steps"] == [] and "no time left" in report["left_out"][0]
    assert "failed" in (tmp_path / "on_gpu.md").read_text()


def test_a_curve_that_leaves_the_numbers_is_the_farthest() -> None:
    base = [{"a": 2.0, "b": 1.0}, {"a": 1.0, "b": 0.5}, {"a": 0.5, "b": 0.2}]
    assert compared(base, base)["loss_gap"] == 0
    other = [{**step, "a": step["a"] + 0.5} for step in base]
    assert (compared(base, other)["loss_gap"], compared(base, other)["loss_gap_of"]) == (0.25, "a")
    broken = [*base[:2], {"a": 0.5, "b": float("nan")}]
    assert (compared(base, broken)["loss_gap"], compared(base, broken)["loss_gap_of"]) == ("not finite", "b")
