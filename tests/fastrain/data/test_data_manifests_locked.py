"""Runs and their data: refused when a lock contradicts, carried on only with the same, scored on others if told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.lock.lock import Lock, lock_of_library, lock_path
from fasdata.store.reader import Store
from fasdata.store.writer import StoreWriter
from fastrain.run.run import run
from tests.commands import Called
from tests.fastrain.sessions import last, request, session
from tests.fastrain.world import CANONICAL, RECIPE, TARGET, rows_of, write_library, write_manifest


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """A library of four stores and one protocol; not to be changed."""
    return write_library(tmp_path_factory.mktemp("library"))


@pytest.fixture(scope="module")
def finished(original: Library, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on it; not to be changed."""
    folder = tmp_path_factory.mktemp("runs") / "finished"
    run(request("erm", original, folder, "max_iterations=3"))
    return folder


@pytest.fixture
def library(original: Library, tmp_path: Path) -> Library:
    """A copy to change."""
    shutil.copytree(original.root, tmp_path / "library")
    return Library(tmp_path / "library")


def describe_anew(library: Library) -> None:
    """Change one clip of the target's store, and build the manifest again: the same rows, other content."""
    rows = rows_of(library)
    folder = library.store_dir(TARGET)
    with StoreWriter(folder, Store.open(folder).info) as writer:
        clip = writer.clips["s0__attack"]
        writer.describe(type(clip)(**{**vars(clip), "split": "test"}))
    write_manifest(library, rows)


def about(folder: Path, name: str = "run.json") -> dict[str, Any]:
    return json.loads((folder / name).read_text())


def test_a_run_and_its_checkpoints_carry_the_lock_of_what_they_touch(original: Library, finished: Path) -> None:
    wanted = lock_of_library(original).as_json()
    assert about(finished)["lock"] == wanted and about(finished)["changed_data"] == []
    assert last(finished).facts["lock"] == last(finished, "best").facts["lock"] == wanted
    assert "changed_data" not in about(finished, "results.json")


def test_a_lock_file_that_disagrees_stops_a_run_unless_told(library: Library, tmp_path: Path) -> None:
    lock_of_library(library).write(lock_path(library))
    describe_anew(library)
    with pytest.raises(UserError, match=rf"not those of .*fas.lock; found store {TARGET}: content .*fasdata lock"):
        run(request("erm", library, tmp_path / "run"))
    assert not (tmp_path / "run").exists()
    run(request("erm", library, tmp_path / "run", "max_iterations=2", allow_changed_data=True))
    changed = about(tmp_path / "run", "results.json")["changed_data"]
    assert len(changed) == 1 and changed[0].startswith(f"store {TARGET}: content ")
    (tmp_path / "run" / "results.json").unlink()
    output = Called("fastrain", "eval", tmp_path / "run").out  # computed again, it is still said
    assert f"DATA CHANGED  {changed[0]}" in output
    assert about(tmp_path / "run", "results.json")["changed_data"] == changed


def test_a_lock_file_that_agrees_or_speaks_of_others_stops_nothing(library: Library, tmp_path: Path) -> None:
    held = lock_of_library(library).as_json()
    held["stores"]["siw"] = {**held["stores"][TARGET], "content_hash": "f" * 64}
    Lock.parse(held, "a test").write(lock_path(library))
    run(request("erm", library, tmp_path / "run", "max_iterations=1"))
    assert set(about(tmp_path / "run")["lock"]["stores"]) == set(library.stores())


def test_a_run_is_not_continued_on_other_data(library: Library, tmp_path: Path) -> None:
    wanted = request("erm", library, tmp_path / "run", "max_iterations=6")
    begun = session(wanted)
    begun.train()
    facts = {**about(tmp_path / "run"), "lock": lock_of_library(library).as_json()}
    (tmp_path / "run" / "run.json").write_text(json.dumps(facts))
    run(wanted)  # the same data: goes on to its end
    describe_anew(library)
    for allowed in (False, True):
        with pytest.raises(UserError, match=rf"changed since the run in .* was begun; found store {TARGET}: content"):
            run(request("erm", library, tmp_path / "run", "max_iterations=6", allow_changed_data=allowed))


def test_scoring_anew_on_the_same_data_gives_the_same_results(original: Library, finished: Path) -> None:
    scores, results = (finished / "scores.csv").read_bytes(), about(finished, "results.json")
    done = Called("fastrain", "eval", finished, "--data", original.root)
    assert done.code == 0
    (folder,) = (finished / "evaluations").iterdir()
    assert about(folder, "results.json") == results
    assert (folder / "report.html").is_file() and about(folder)["status"] == "evaluated"
    again, before = pd.read_csv(folder / "scores.csv"), pd.read_csv(finished / "scores.csv")
    assert again["sample_id"].equals(before["sample_id"])
    assert (again["score"] - before["score"]).abs().max() < 1e-6
    assert (finished / "scores.csv").read_bytes() == scores  # the run's own stay


def test_scoring_on_other_data_is_refused_unless_told_and_then_said(
    finished: Path, library: Library, tmp_path: Path
) -> None:
    describe_anew(library)
    write_manifest(library, [row for row in rows_of(library) if row["frame_index"] != 9 or row["part"] != "test"])
    command = ("eval", finished, "--protocol", "CIO-M", "--data", library.root, "--out", tmp_path / "out")
    line = Called("fastrain", *command).line
    assert "not the data that" in line and f"store {TARGET}: content " in line and "--allow-changed-data" in line
    assert f"protocol {CANONICAL}/{RECIPE}: rows " in line
    assert not (tmp_path / "out").exists()
    output = Called("fastrain", *command, "--allow-changed-data").out
    assert f"DATA CHANGED  store {TARGET}: content " in output
    results = about(tmp_path / "out", "results.json")
    assert [line.split(":")[0] for line in results["changed_data"]] == [f"store {TARGET}", "protocol mcio"]
    assert "not those that were locked" in (tmp_path / "out" / "report.html").read_text()
    assert len(pd.read_csv(tmp_path / "out" / "scores.csv").query("part == 'test'")) == 10


def test_a_checkpoint_without_a_lock_is_not_taken_for_the_same_data(
    original: Library, finished: Path, tmp_path: Path
) -> None:
    from fastrain.networks.checkpoint import Checkpoint

    shutil.copytree(finished, tmp_path / "old")
    path = tmp_path / "old" / "checkpoints" / "best.safetensors"
    held = Checkpoint.read(path)
    Checkpoint(held.tensors, {k: v for k, v in held.facts.items() if k != "lock"}).write(path)
    line = Called("fastrain", "eval", tmp_path / "old", "--data", original.root).line
    assert "does not say what data it was made with" in line


def test_an_imported_run_is_completed_by_its_first_evaluation(
    original: Library, finished: Path, tmp_path: Path
) -> None:
    from fastrain.networks.checkpoint import Checkpoint

    folder, held = tmp_path / "imported", last(finished, "best")
    facts = {"method": "erm", "iteration": 0, "identity": {}, "source": {"file": "best.ckpt"}}
    Checkpoint(held.tensors, facts).write(folder / "checkpoints" / "best.safetensors")
    shutil.copy(finished / "config.yaml", folder)
    kept = {name: about(finished)[name] for name in ("method", "color_order", "n_parameters", "tool_version")}
    selection = {"policy": "theirs", "metric": None, "checkpoint": "best", "iteration": None}
    run_facts = {**kept, "protocol": None, "n_domains": 3, "selection": selection, "status": "imported"}
    (folder / "run.json").write_text(json.dumps(run_facts))
    assert "no protocol of its own" in Called("fastrain", "eval", folder, "--data", original.root).line
    done = Called("fastrain", "eval", folder, "--protocol", "CIO-M", "--data", original.root)
    assert done.code == 0 and "selected by theirs" in done.out and "DATA CHANGED" not in done.out
    assert about(folder)["status"] == "evaluated" and about(folder)["protocol"] == CANONICAL
    for name in ("metrics", "thresholds"):
        assert about(folder, "results.json")[name] == about(finished, "results.json")[name]
    assert Called("fastrain", "eval", folder).code == 0  # from its scores
    assert Called("fastrain", "eval", folder, "--data", original.root).code == 0
    assert len(list((folder / "evaluations").iterdir())) == 1


def test_an_evaluation_never_replaces_a_run(original: Library, finished: Path, tmp_path: Path) -> None:
    line = Called("fastrain", "eval", finished, "--data", original.root, "--out", finished).line
    assert "holds a run of its own" in line
    assert "expected --on, --protocol" in Called("fastrain", "eval", finished, "--out", tmp_path).line
