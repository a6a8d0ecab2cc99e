"""The examples in docstrings give what they show."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import fasdata
import fastrain
from tests.fastrain.report.fabricate import fabricate_run
from tests.fastrain.world import write_library

PACKAGES = [Path(str(package.__file__)).parent for package in (fasdata, fastrain)]
FILES = [path for package in PACKAGES for path in sorted(package.rglob("*.py")) if ">>> " in path.read_text("utf-8")]
MODULES = [".".join(path.relative_to(PACKAGES[0].parent).with_suffix("").parts) for path in FILES]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a library `data` of four small stores and a run `runs/a`, as examples name them."""
    folder = tmp_path_factory.mktemp("examples")
    write_library(folder / "data")
    fabricate_run(folder / "runs" / "a")
    return folder


@pytest.mark.parametrize("module", MODULES)
def test_examples_give_what_they_show(module: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    outcome = doctest.testmod(import_module(module))
    assert outcome.attempted and not outcome.failed
