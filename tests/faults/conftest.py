import shutil
from pathlib import Path

import pytest

from fasdata.store import shards
from fasdata.store.reader import Store
from tests.fasdata.store.making import fill


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "s"
    fill(folder, range(12))
    shards.close_readers(folder)
    return folder


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Store:
    return Store.open(Path(shutil.copytree(made, tmp_path / "s")))
