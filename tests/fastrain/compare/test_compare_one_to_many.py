"""Systems on each of several targets, and on their mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fastrain.compare.compare import comparison_of, written
from fastrain.compare.comparison import compared
from fastrain.compare.one_to_many import compared_each
from fastrain.compare.system import ScoredRun, System, systems_of
from fastrain.evaluation.measures import measured
from fastrain.evaluation.scores import Samples, ScoreTable
from fastrain.evaluation.statistics.clusters import Clusters
from fastrain.evaluation.statistics.paired import Group, ranked, sign_flip_of_mean
from tests.fastrain.compare.test_compare_compare import scores, write_run

MANY = "mcio:O2C+M"


def two_targets(strength: float, seed: int) -> ScoreTable:
    """The target of 24 people under its name, and other scores of a target of as many other people."""
    first, second = scores(strength, seed).frame, scores(strength / 2, seed + 7).frame
    second = second[second["part"] == "test"]
    second = second.assign(dataset="CASIA-FASD", sample_id="c/" + second["sample_id"])
    return ScoreTable(pd.concat([first, second], ignore_index=True))


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    folders = []
    for method, strength, noise in (("hfn_mp", 4.0, 0), ("erm", 0.8, 1)):
        for seed in (0, 1):
            folder = write_run(tmp_path / f"{method}{seed}", method, strength, seed, protocol=MANY, protocol_alias=MANY)
            two_targets(strength, 100 * seed + noise).write_csv(folder / "scores.csv")
            folders.append(folder)
    return folders


def alone(folder: Path, target: str, to: Path) -> Path:
    """Copy a run of which one target alone was scored."""
    own = ScoredRun.read(folder)
    copy = write_run(to / target / folder.name, str(own.about.method), 1.0, int(own.about.seed or 0))
    frame = own.scores.frame
    ScoreTable(frame[(frame["part"] == "val") | (frame["dataset"] == target)]).write_csv(copy / "scores.csv")
    return copy


def test_columns_are_the_tables_of_each_target_and_their_mean(runs: list[Path], tmp_path: Path) -> None:
    whole = compared_each(MANY, systems_of([ScoredRun.read(folder) for folder in runs])[MANY], resamples=100)
    tables = whole.each
    assert [[line.cells[place] for line in whole.lines] for place in range(4)] == [
        [line.cells[-1] for line in table.lines] for table in tables
    ]
    assert [table.metric.partition(" ")[0] for table in tables] == ["AUC", "HTER", "HTER", "BPCER20"]
    targets = [title for title, _, _ in tables[0].columns]
    assert targets == ["MSU-MFSD", "CASIA-FASD", "Mean of 2"]
    for place, target in enumerate(targets[:2]):
        copies = [ScoredRun.read(alone(folder, target, tmp_path)) for folder in runs]
        single = compared("mcio:CIO2M", systems_of(copies)["mcio:CIO2M"], resamples=100)
        for column, table in enumerate(tables):
            for line, other in zip(table.lines, single.lines, strict=True):
                cell, own = line.cells[place], other.cells[column]
                assert (cell.value, cell.sd, cell.interval) == (own.value, own.sd, own.interval)
                if cell.verdict and own.verdict:
                    assert cell.verdict.test == own.verdict.test
    for table in tables:
        for line in table.lines:
            *each, mean = line.cells
            assert mean.value == pytest.approx(np.mean([cell.value for cell in each]))
            assert mean.interval is not None and mean.interval.low <= mean.value <= mean.interval.high
    verdict = tables[0].lines[0].cells[-1].verdict
    assert verdict is not None and verdict.mark == "▲" and verdict.test.people == 48


def test_a_test_of_a_mean_exchanges_the_people_of_all_targets(runs: list[Path]) -> None:
    first, second = (ScoredRun.read(folder) for folder in (runs[0], runs[2]))
    table = compared_each(MANY, [System("hfn_mp", (first,)), System("erm", (second,))], resamples=100).each[0]
    groups = []
    for target in ("MSU-MFSD", "CASIA-FASD"):
        clips = [run.scores.clips().part("test") for run in (first, second)]
        tables = [ScoreTable(of.frame[of.frame["dataset"] == target].reset_index(drop=True)) for of in clips if of]
        first_ranked, second_ranked = (ranked(Samples.of(of, "count")) for of in tables)
        groups.append(Group([(first_ranked, second_ranked)], Clusters.of(tables[0].frame)))
    expected = sign_flip_of_mean(groups, measured("auc").at(np.nan), draws=100)
    verdict = table.lines[0].cells[-1].verdict
    assert verdict is not None and verdict.test == expected
    few = [Group(group.pairs, group.clusters) for group in groups[:1]]
    assert sign_flip_of_mean(few, measured("auc").at(np.nan), draws=100).people == 24


def test_every_form_has_a_table_a_metric_and_csv_a_row_a_target(runs: list[Path]) -> None:
    comparison = comparison_of(runs[::2], resamples=20)  # a run of each method
    for form in ("text", "md", "latex", "html"):
        text = written(comparison, [], form)
        assert text.count("Mean of 2") >= 4  # a heading a metric, and in each test
        assert "CASIA-FASD" in text and "AUC" in text and "counts each once" in text
    rows = written(comparison, [], "csv").splitlines()
    assert sum(f"{MANY}: CASIA-FASD,erm," in row for row in rows) == 4
    assert sum(f"{MANY},erm," in row for row in rows) == 4
