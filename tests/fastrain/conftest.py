from pathlib import Path

import pytest

from fasdata.library import Library
from tests.fastrain.world import write_library


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Four small stores with the manifest of CIO2M; not to be changed."""
    return write_library(tmp_path_factory.mktemp("library"))


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    return tmp_path / "run"
