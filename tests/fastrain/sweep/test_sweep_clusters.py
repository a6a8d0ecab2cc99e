"""Runs as jobs of submitit have the scores of runs that were carried out here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from fasdata.library import Library
from fastrain.rundir.sweep_dir import SweepDir
from fastrain.sweep.carry_out import Executor, sweep
from fastrain.sweep.grid import Grid, settings_in
from fastrain.sweep.plan_sweep import Common
from fastrain.sweep.run_process import Outcome, Task, in_this_process
from fastrain.sweep.slurm_runs import SlurmRuns
from tests.commands import Called
from tests.fastrain.world import TINY

SETTINGS = {**(settings_in(TINY, "--set") or {}), "max_iterations": 20, "steps_per_epoch": 10}


class Here:
    """Carries runs out in this process."""

    def outcomes(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        return map(in_this_process, tasks)


def carried_out(data: Library, out: Path, executor: Executor) -> SweepDir:
    """Carry out two seeds of ERM on a protocol."""
    grid = Grid(methods=("erm",), protocols=("CIO-M",), seeds=(0, 1), set=SETTINGS)
    sweep(grid, Common(data=str(data.root), accelerator="cpu", threads=1, report=False), out, executor, places=1)
    return SweepDir(out)


@pytest.fixture(scope="module")
def calm(library: Library, tmp_path_factory: pytest.TempPathFactory) -> SweepDir:
    """An undisturbed sweep."""
    return carried_out(library, tmp_path_factory.mktemp("sweeps") / "calm", Here())


def assert_same_scores(calm: SweepDir, folder: SweepDir) -> None:
    for name in calm.facts().runs:
        assert folder.state(name) == "finished"
        assert folder.run(name).file("scores.csv").read_bytes() == calm.run(name).file("scores.csv").read_bytes()


def test_jobs_of_submitit_have_the_same_scores(library: Library, calm: SweepDir, tmp_path: Path) -> None:
    pytest.importorskip("submitit", reason="the extra 'slurm' is not installed")
    runs = SlurmRuns(tmp_path / "jobs" / "slurm", {"timeout_min": 60}, cluster="local")
    assert_same_scores(calm, carried_out(library, tmp_path / "jobs", runs))


def test_what_slurm_needs_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ("sweep", "--methods", "erm", "--protocols", "CIO-M", "--out", tmp_path / "out")
    assert "'slurm'" in Called("fastrain", *command, "--executor", "slrum").line
    assert "expected --executor slurm" in Called("fastrain", *command, "--slurm", "gpus_per_node=1").line
    monkeypatch.setattr("fastrain.sweep.slurm_runs.find_spec", lambda name: None)
    assert "needs the package submitit" in Called("fastrain", *command, "--executor", "slurm").line
    assert not (tmp_path / "out").exists()
