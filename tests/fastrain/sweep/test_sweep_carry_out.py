"""A sweep that is killed, and whose runs are killed, goes on by the same command to the table of an undisturbed one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from multiprocessing.connection import wait
from pathlib import Path

import pytest

from fasdata.errors import UserError
from fasdata.library import Library
from fastrain.compare.compare import compare
from fastrain.rundir.sweep_dir import SweepDir
from fastrain.sweep.carry_out import sweep
from fastrain.sweep.grid import Grid, settings_in
from fastrain.sweep.leaderboard import leaderboard
from fastrain.sweep.local_runs import LocalRuns
from fastrain.sweep.plan_sweep import Common
from fastrain.sweep.run_process import Outcome, RunProcess, Task, in_this_process, noted
from fastrain.sweep.standing import status_text
from tests.commands import Called
from tests.fastrain.world import TINY, rows_tested_on, write_library, write_manifest, write_second

TOY = {
    **(settings_in(TINY, "--set") or {}),
    "max_iterations": 3,
    "steps_per_epoch": 1,
    "hfn_mp": {"pyramid_width": 8, "inner_loops": 1, "meta_lr": 0.01},
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """A library with the manifests of three protocols."""
    library = write_library(tmp_path_factory.mktemp("two") / "library")
    write_second(library)
    rows = rows_tested_on(library, "replay-attack", "oulu-npu")
    write_manifest(library, [{**row, "protocol_alias": "C2I+O"} for row in rows], "mcio:C2I+O")
    return library


def grid(**changes: object) -> Grid:
    whole = {"methods": ("hfn_mp", "erm"), "protocols": ("CIO-M", "COM-I"), "seeds": (0, 1), "set": TOY, **changes}
    return Grid.model_validate(whole)


class Here:
    """Carries runs out in this process, which has all libraries loaded."""

    def outcomes(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        for task in tasks:
            outcome = in_this_process(task)
            noted(task, outcome)
            yield outcome


class Killed(BaseException):
    """Stands for the death of the process that carries out the sweep."""


class Dying:
    """Finishes a run, loses the process of the second halfway, and dies itself with the last one halfway."""

    def outcomes(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        yield from Here().outcomes(tasks[:1])
        yield halfway(tasks[1]).outcome()
        halfway(tasks[-1])
        raise Killed


def halfway(task: Task) -> RunProcess:
    """Start the process of a run, and kill it once it has a checkpoint."""
    process, run = RunProcess(task), SweepDir(task.sweep).run(task.name)
    while not (run.checkpoints / "last.safetensors").is_file():
        assert not wait([process.sentinel], 0.02), SweepDir(task.sweep).log(task.name).read_text()
    process.kill()
    wait([process.sentinel])
    return process


def test_a_killed_sweep_goes_on_to_the_table_of_an_undisturbed_one(data: Library, tmp_path: Path) -> None:
    common = Common(data=str(data.root), accelerator="cpu", threads=1, report=False)
    calm, hit = SweepDir(tmp_path / "calm"), SweepDir(tmp_path / "hit")
    sweep(grid(), common, calm.path, Here(), places=1)
    names = list(calm.facts().runs)
    hit.add(calm.facts().runs)
    for name in names[3:7]:  # a sweep that has come as far as this before; what follows is done anew
        shutil.copytree(calm.run(name).path, hit.run(name).path)
    with pytest.raises(Killed):
        sweep(grid(), common, hit.path, Dying(), places=2)
    states = ["finished", "failed", "waiting", *["finished"] * 4, "stopped"]
    assert list(hit.facts().runs) == names and [hit.state(name) for name in names] == states
    assert "SIGKILL" in hit.failure(names[1]).reason  # type: ignore[union-attr]
    status = status_text(hit)
    assert "8 runs: 5 finished, 1 stopped, 1 waiting, 1 failed" in status and "left: about" in status
    first = hit.run(names[0]).file("run.json").stat().st_mtime_ns

    sweep(grid(), common, hit.path, Here(), places=1)
    assert [name for name in names if hit.state(name) != "finished"] == [names[1]]  # which is tried on demand
    sweep(grid(), common, hit.path, LocalRuns(1, threads=1), places=1, retry_failed=True)
    assert "8 runs: 8 finished" in status_text(hit)
    assert "continuing after iteration" in hit.log(names[1]).read_text()
    assert first == hit.run(names[0]).file("run.json").stat().st_mtime_ns
    for name in (*names[:3], names[7]):
        assert hit.run(name).file("scores.csv").read_bytes() == calm.run(name).file("scores.csv").read_bytes(), name
    tables = [compare([folder.path], resamples=100) for folder in (calm, hit)]
    assert tables[0] == tables[1] and "CIO-M" in tables[0] and "COM-I" in tables[0]


def test_one_source_to_each_of_two_targets_and_a_run_that_fails_stops_no_other(data: Library, tmp_path: Path) -> None:
    """HFN_MP cannot learn from one source: it fails, its reason is kept, and what is finished has a number a target."""
    tried = grid(protocols=("C2I+O",), seeds=(0,))
    common = Common(data=str(data.root), accelerator="cpu", threads=1, report=False)
    outcomes = sweep(tried, common, tmp_path / "sweep", Here(), places=1, pack=False)
    assert [outcome.state for outcome in outcomes] == ["failed", "finished"]
    folder = SweepDir(tmp_path / "sweep")
    failure = folder.failure(outcomes[0].name)
    assert failure and failure.reason == outcomes[0].reason and "at least one source domain" in failure.reason
    assert failure.reason in Called("fastrain", "sweep", "status", folder.path).out
    again = sweep(tried, common, folder.path, Here(), places=1, pack=False, retry_failed=True)
    assert [outcome.name for outcome in again] == [outcomes[0].name]
    assert folder.failure(outcomes[0].name).attempts == 2  # type: ignore[union-attr]

    assert outcomes[1].name.startswith("erm-mcio-C2I+O-standard-seed0-")
    table = compare([folder.path], resamples=50, form="csv")
    of_each = [line.split(",")[1] for line in table.splitlines() if ",auc," in line]
    assert of_each == ["C2I+O", "C2I+O: replay-attack", "C2I+O: oulu-npu"]
    pages = {page.name: page.read_text() for page in leaderboard([folder.path], tmp_path / "site", resamples=50)}
    assert "Failed: 1 run" in pages["index.html"] and "at least one source domain" in pages["index.html"]
    assert "erm on each target of C2I+O" in pages["erm.html"] and "Mean of 2" in pages["erm.html"]


def test_a_dry_run_lists_runs_and_packs_and_writes_nothing(
    data: Library, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sweep"
    common = Common(data=str(data.root), accelerator="cpu")
    varied = grid(grid={"erm": {"image_size": [24, 40]}}, exclude=[{"method": "hfn_mp"}])
    assert sweep(varied, common, out, Here(), places=1, dry_run=True) == []
    printed = capsys.readouterr().out
    assert "8 runs in" in printed and printed.count("waiting   erm-mcio-CO") == 4
    assert printed.count("mxnet-256(size=24)") == 2 and "to do: 8 runs" in printed and not out.exists()
    with pytest.raises(UserError, match=r"erm on CIO-M, recipe standard: unknown configuration key 'lrr'"):
        sweep(grid(methods=("erm",), set={"lrr": 1}), common, out, Here(), places=1)
    with pytest.raises(UserError, match="is in the grid twice"):
        sweep(grid(protocols=("CIO-M", "mcio:CIO2M")), common, out, Here(), places=1)
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "beach.jpg").touch()
    with pytest.raises(UserError, match=r"is no sweep; found beach\.jpg"):
        sweep(grid(), common, tmp_path / "holiday", Here(), places=1)
