"""The sentence that a comparison comes to says no more than its tests."""

from __future__ import annotations

from pathlib import Path

from fastrain.compare.answer import comparison_answer, table_answer
from fastrain.compare.comparison import ProtocolTable, compared
from fastrain.compare.system import ScoredRun, systems_of
from tests.fastrain.compare.test_compare_compare import write_run


def table(folder: Path, *strengths: tuple[str, float]) -> ProtocolTable:
    runs = [ScoredRun.read(write_run(folder / name, name, up, 0, noise=at)) for at, (name, up) in enumerate(strengths)]
    systems = next(iter(systems_of(runs).values()))
    return compared("mcio:CIO2M", systems, resamples=100)


def test_better_worse_and_neither_are_told_with_both_intervals(tmp_path: Path) -> None:
    better = table(tmp_path / "better", ("erm", 0.4), ("ssdg", 5.0))
    sentence, _, kind = table_answer(better)
    assert sentence.startswith(
        "On CIO-M ssdg is distinguishably better than erm, the baseline; HTER at source_eer: ssdg "
    )
    assert sentence.count("[") == 2 and kind == "good"
    worse, _, kind = table_answer(table(tmp_path / "worse", ("erm", 5.0), ("ssdg", 0.4)))
    assert "none is better than erm, the baseline, and ssdg distinguishably worse" in worse and kind == "mixed"
    alike, step, kind = table_answer(table(tmp_path / "alike", ("erm", 2.0), ("ssdg", 2.0)))
    assert "no system is distinguishable from erm, the baseline" in alike and alike.count("[") == 2
    assert kind == "mixed" and "more people" in step
    alone, step, _ = table_answer(table(tmp_path / "alone", ("ssdg", 2.0)))
    assert "nothing is compared; HTER at source_eer: ssdg" in alone and "BASELINE" in step
    several = comparison_answer([better, better])
    assert several.title == "A system is distinguishably better than the baseline in 2 of 2 protocols (CIO-M, CIO-M)."
    assert several.sentences == [sentence, sentence]
