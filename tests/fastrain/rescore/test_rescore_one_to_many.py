"""One training, several targets: what is said of each is what a separate evaluation of the same network says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fasdata.errors import UserError
from fasdata.library import Library
from fastrain.report.iso_sheet import write_sheet
from fastrain.rescore.other_data import Asked, score_again
from fastrain.run.plan import check_settings, make_plan
from fastrain.run.run import run
from fastrain.rundir import RunDir
from tests.fastrain.sessions import request
from tests.fastrain.world import TARGET, rows_tested_on, write_library, write_manifest

MANY, TARGETS = "mcio:CI2O+M", ("oulu-npu", TARGET)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """The small library with manifests of one training for two targets, and of each target alone."""
    library = write_library(tmp_path_factory.mktemp("library"))
    rows = rows_tested_on(library, *TARGETS)
    write_manifest(library, rows, MANY)
    for target, name in zip(TARGETS, ("mcio:to_O", "mcio:to_M"), strict=True):
        write_manifest(library, [row for row in rows if row["dataset"] == target], name)
    return library


@pytest.fixture(scope="module")
def trained(world: Library, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "many"
    run(request("erm", world, folder, protocol=MANY))
    return folder


def test_no_network_is_chosen_with_the_labels_of_many_targets(world: Library, tmp_path: Path) -> None:
    wanted = request("erm", world, tmp_path / "run", "evaluate.select=target_oracle", protocol=MANY)
    with pytest.raises(UserError, match=r"for one target, and mcio:CI2O\+M judges one network on each"):
        make_plan(wanted, check_settings(wanted))


def said_of_target(results: dict[str, Any]) -> dict[str, Any]:
    """What results say of part test, and their thresholds."""
    rows = {name: [row for row in results[name] if row["part"] == "test"] for name in ("metrics", "species", "counts")}
    return {
        **rows,
        "thresholds": results["thresholds"],
        "roc": {name: curve for name, curve in results["roc"].items() if name.startswith("test")},
        "uncertainty": results["uncertainty"]["test"],
    }


def test_one_to_many_equals_separate_evaluations(trained: Path, world: Library) -> None:
    results = RunDir(trained).results().tree()
    assert tuple(results["targets"]) == TARGETS
    for target, name in zip(TARGETS, ("to_O", "to_M"), strict=True):
        alone = score_again(trained, Asked(on=f"mcio:{name}")).results().tree()
        assert "targets" not in alone and len({row["value"] for row in alone["metrics"]}) > 3
        assert said_of_target(results["targets"][target]) == said_of_target(alone)
        assert [row for row in results["metrics"] if row["part"] == "val"] == [
            row for row in alone["metrics"] if row["part"] == "val"
        ]
    with pytest.raises(UserError, match="is judged on each of several targets: oulu-npu, msu-mfsd"):
        write_sheet([trained], trained / "sheet.html")
    page = (trained / "report.html").read_text()
    assert all(target in page for target in TARGETS) and "Each target" in page
