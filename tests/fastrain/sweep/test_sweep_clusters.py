"""Runs on a cluster have the scores and the table of runs here, also where one loses its node or its place halfway."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.ray_cluster import ray_cluster
from fasdata.stopping import StoppedExit
from fastrain.compare.compare import compare
from fastrain.methods.registry import forget_named
from fastrain.rundir.sweep_dir import SweepDir
from fastrain.sweep.carry_out import Executor, sweep
from fastrain.sweep.grid import Grid, settings_in
from fastrain.sweep.plan_sweep import Common
from fastrain.sweep.ray_runs import RayRuns, Shared, carried_out
from fastrain.sweep.run_process import Outcome, Task, in_this_process
from fastrain.sweep.slurm_runs import SlurmRuns
from tests.commands import Called
from tests.fastrain.sweep import held
from tests.fastrain.world import TINY
from tests.ray_nodes import ray_nodes

PATIENCE = 600.0  # seconds that anything here may take on a busy machine


class Here:
    """Carries runs out in this process."""

    def outcomes(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        return map(in_this_process, tasks)


class Held:
    """Seeds of a method that waits in the middle of its training while `gate` is there."""

    def __init__(self, data: Library, gate: Path) -> None:
        self.data, self.gate = data, gate

    def sweep(self, out: Path, executor: Executor, seeds: int = 2) -> SweepDir:
        constant = {**(settings_in(TINY, "--set") or {}), "gate": str(self.gate)}
        grid = Grid(methods=(f"{held.__file__}:Held",), protocols=("CIO-M",), seeds=tuple(range(seeds)), set=constant)
        common = Common(data=str(self.data.root), accelerator="cpu", threads=1, report=False)
        sweep(grid, common, out, executor, places=1)
        return SweepDir(out)

    def disturbed(
        self, out: Path, executor: Executor, disturb: Callable[[SweepDir], object], seeds: int = 2
    ) -> SweepDir:
        """Carry out the sweep, and do something to it once all of its runs are held."""
        self.gate.touch()
        disturbance = threading.Thread(target=self._disturb, args=(SweepDir(out), disturb, seeds))
        disturbance.start()
        try:
            return self.sweep(out, executor, seeds)
        finally:
            self.gate.unlink(missing_ok=True)
            disturbance.join()

    def _disturb(self, folder: SweepDir, disturb: Callable[[SweepDir], object], seeds: int) -> None:
        try:
            wait_for(lambda: len(list(self.gate.parent.glob("reached-*"))) == seeds or not self.gate.exists())
            disturb(folder)
        finally:
            self.gate.unlink(missing_ok=True)
            for file in self.gate.parent.glob("reached-*"):
                file.unlink()


def wait_for(condition: Callable[[], object]) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.fixture(scope="module")
def runs(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    yield Held(library, tmp_path_factory.mktemp("gate") / "gate")
    forget_named()


@pytest.fixture(scope="module")
def calm(runs: Held, tmp_path_factory: pytest.TempPathFactory) -> SweepDir:
    """An undisturbed sweep."""
    return runs.sweep(tmp_path_factory.mktemp("sweeps") / "calm", Here())


def assert_same(calm: SweepDir, folder: SweepDir) -> None:
    for name in folder.facts().runs:
        assert folder.state(name) == "finished"
        assert folder.run(name).file("scores.csv").read_bytes() == calm.run(name).file("scores.csv").read_bytes()


def went_on(folder: SweepDir) -> list[bool]:
    """Tell of each run whether it was broken off where it was held, and went on from there."""
    return [f"continuing after iteration {held.AT + 1}" in folder.log(name).read_text() for name in folder.facts().runs]


def stopped(folder: SweepDir) -> list[str]:
    """Return the runs that were begun, were stopped, and are at work no more."""
    return [name for name in folder.facts().runs if folder.state(name) == "stopped"]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A Ray cluster whose head does no work, with two nodes of one core each, and a connection to it."""
    ray = pytest.importorskip("ray", reason="the extra 'ray' is not installed")
    made = ray_nodes(2)
    with ray_cluster(made.address):
        yield made
    made.shutdown()
    assert not ray.is_initialized()


def test_runs_on_ray_save_when_the_sweep_is_stopped(calm: SweepDir, runs: Held, cluster: Any, tmp_path: Path) -> None:
    def stop(folder: SweepDir) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        wait_for(lambda: len(stopped(folder)) == 2)

    folder = SweepDir(tmp_path / "ray")
    with pytest.raises(StoppedExit):
        runs.disturbed(folder.path, RayRuns(cluster.address, 0), stop)
    assert len(stopped(folder)) == 2
    assert_same(calm, runs.sweep(folder.path, Here()))
    assert went_on(folder) == [False, False]  # which is printed here


def test_a_run_whose_node_is_lost_goes_on_at_another(calm: SweepDir, runs: Held, cluster: Any, tmp_path: Path) -> None:
    def lose_a_node(folder: SweepDir) -> None:
        cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)
        wait_for(lambda: stopped(folder))  # the run itself lived on, without anybody to report to

    folder = runs.disturbed(tmp_path / "ray", RayRuns(cluster.address, 0), lose_a_node)
    assert_same(calm, folder)
    assert sorted(went_on(folder)) == [False, True]
    assert compare([folder.path], resamples=50) == compare([calm.path], resamples=50)


def test_a_preempted_job_is_requeued_and_goes_on(calm: SweepDir, runs: Held, tmp_path: Path) -> None:
    pytest.importorskip("submitit", reason="the extra 'slurm' is not installed")

    def preempt(folder: SweepDir) -> None:
        """Send the job what Slurm sends the processes of one that has to make room."""
        (controller,) = (file.name.partition("_")[0] for file in (folder.path / "slurm").glob("*_submitted.pkl"))
        (job,) = Path(f"/proc/{controller}/task/{controller}/children").read_text().split()
        os.kill(int(job), signal.SIGUSR2)
        wait_for(lambda: stopped(folder) or any(went_on(folder)))

    jobs = SlurmRuns(tmp_path / "jobs" / "slurm", {"timeout_min": 60}, cluster="local")
    folder = runs.disturbed(tmp_path / "jobs", jobs, preempt, seeds=1)
    assert_same(calm, folder)
    assert went_on(folder) == [True]
    assert "this job is preempted" in next((folder.path / "slurm").glob("*_log.err")).read_text()


def test_what_clusters_need_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ("sweep", "--methods", "erm", "--protocols", "CIO-M", "--out", tmp_path / "out")
    assert "'slurm'" in Called("fastrain", *command, "--executor", "slrum").line
    assert "expected --executor slurm" in Called("fastrain", *command, "--slurm", "gpus_per_node=1").line
    assert "expected --executor ray" in Called("fastrain", *command, "--ray-address", "head:6379").line
    on_ray = (*command, "--executor", "ray")
    assert "Ray deals out the GPUs" in Called("fastrain", *on_ray, "--devices", "0,2").line
    monkeypatch.setattr("fastrain.sweep.slurm_runs.find_spec", lambda name: None)
    assert "needs the package submitit" in Called("fastrain", *command, "--executor", "slurm").line
    monkeypatch.setattr("fasdata.ray_cluster.find_spec", lambda name: None)
    assert "pip install 'fasdata[ray]'" in Called("fastrain", *on_ray).line
    assert not (tmp_path / "out").exists()


def test_a_node_that_is_not_like_this_machine_is_refused(calm: SweepDir) -> None:
    task = Task(calm.path, "run", None)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"the node .* has another version of fastrain; expected 0\.0\.0-other"):
        carried_out(Shared(calm.path, calm.path, calm.path, "0.0.0-other"), task)
    with pytest.raises(UserError, match=r"the node .* does not see .*elsewhere; expected .*shared file system"):
        carried_out(Shared(calm.path, calm.path / "elsewhere", calm.path), task)
