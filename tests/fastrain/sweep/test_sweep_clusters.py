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

PATIENCE = 120.0  # seconds that anything here may take on a busy machine


class Here:
    """Carries runs out in this process."""

    def outcomes(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        return map(in_this_process, tasks)


class Held:
    """Two seeds of a method that waits in the middle of its training while `gate` is there."""

    def __init__(self, data: Library, gate: Path) -> None:
        self.data, self.gate = data, gate

    def sweep(self, out: Path, executor: Executor) -> SweepDir:
        constant = {**(settings_in(TINY, "--set") or {}), "gate": str(self.gate)}
        grid = Grid(methods=(f"{held.__file__}:Held",), protocols=("CIO-M",), seeds=(0, 1), set=constant)
        common = Common(data=str(self.data.root), accelerator="cpu", threads=1, report=False)
        sweep(grid, common, out, executor, places=1)
        return SweepDir(out)

    def disturbed(self, out: Path, executor: Executor, disturb: Callable[[], None]) -> SweepDir:
        """Carry out the sweep, and do something to it once all of its runs are held."""
        self.gate.touch()
        disturbance = threading.Thread(target=self._disturb, args=(disturb,))
        disturbance.start()
        try:
            return self.sweep(out, executor)
        finally:
            self.gate.unlink(missing_ok=True)
            disturbance.join()

    def _disturb(self, disturb: Callable[[], None]) -> None:
        try:
            wait_for(lambda: len(list(self.gate.parent.glob("reached-*"))) == 2 or not self.gate.exists())
            disturb()
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
    for name in calm.facts().runs:
        assert folder.state(name) == "finished"
        assert folder.run(name).file("scores.csv").read_bytes() == calm.run(name).file("scores.csv").read_bytes()
    assert compare([folder.path], resamples=50) == compare([calm.path], resamples=50)


def went_on(folder: SweepDir) -> list[bool]:
    """Tell of each run whether it was broken off where it was held, and went on from there."""
    return [f"continuing after iteration {held.AT + 1}" in folder.log(name).read_text() for name in folder.facts().runs]


def stopped(folder: SweepDir) -> list[str]:
    """Return the runs that were begun, were stopped, and are at work no more."""
    return [name for name in folder.facts().runs if folder.state(name) == "stopped"]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A Ray cluster whose head does no work, with two nodes of one core each."""
    ray = pytest.importorskip("ray", reason="the extra 'ray' is not installed")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(2):
        made.add_node(num_cpus=1)
    yield made
    ray.shutdown()
    made.shutdown()


def test_a_run_whose_node_is_lost_goes_on_at_another(calm: SweepDir, runs: Held, cluster: Any, tmp_path: Path) -> None:
    folder = SweepDir(tmp_path / "ray")

    def lose_a_node() -> None:
        cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)
        wait_for(lambda: stopped(folder))  # the run itself lived on, without anybody to report to

    assert_same(calm, runs.disturbed(folder.path, RayRuns(cluster.address, 0), lose_a_node))
    assert sorted(went_on(folder)) == [False, True]


def test_a_preempted_job_is_requeued_and_goes_on(calm: SweepDir, runs: Held, tmp_path: Path) -> None:
    pytest.importorskip("submitit", reason="the extra 'slurm' is not installed")
    folder = SweepDir(tmp_path / "jobs")
    jobs = SlurmRuns(folder.path / "slurm", {"timeout_min": 60}, cluster="local")

    def preempt() -> None:
        """Send one job what Slurm sends the processes of a job that has to make room."""
        controller = next((folder.path / "slurm").glob("*_submitted.pkl")).name.partition("_")[0]
        (job,) = Path(f"/proc/{controller}/task/{controller}/children").read_text().split()
        os.kill(int(job), signal.SIGUSR2)
        wait_for(lambda: stopped(folder) or sum(went_on(folder)))

    assert_same(calm, runs.disturbed(folder.path, jobs, preempt))
    assert sorted(went_on(folder)) == [False, True]
    assert any("preempted" in log.read_text() for log in (folder.path / "slurm").glob("*_log.err"))


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
