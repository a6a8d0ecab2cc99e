"""A library of four small stores with a protocol and a pack, and run folders on it."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from fasdata.library import Library
from tests.commands import Called
from tests.fasdata.forget.forgetting import manifest_of
from tests.fastrain.world import rows_of, write_library


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Four stores of five people each, a protocol over them and a pack; not to be changed."""
    library = write_library(tmp_path_factory.mktemp("library"))
    command = ("pack", "--protocol", "CIO-M", "--view", "box", "--size", 16, "--data", library.root)
    assert Called("fasdata", *command).code == 0
    return library


@pytest.fixture
def library(original: Library, tmp_path: Path) -> Library:
    """A copy to change."""
    shutil.copytree(original.root, tmp_path / "library")
    return Library(tmp_path / "library")


@pytest.fixture
def runs(original: Library, tmp_path: Path) -> Path:
    """Three run folders: one on the whole protocol, one on another, one that only has scores."""
    fingerprint = manifest_of(original).meta["fingerprint"]
    for name, recorded in {"whole": fingerprint, "other": "0" * 64, "scores": "1" * 64}.items():
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "run.json").write_text(json.dumps({"manifest_fingerprint": recorded}))
    with (tmp_path / "runs" / "scores" / "scores.csv").open("w", newline="") as file:
        rows = [r for r in rows_of(original) if r["part"] == "val"]
        writer = csv.DictWriter(file, ["dataset", "clip_id", "subject"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return tmp_path / "runs"
