from pathlib import Path

import pytest

from fasdata.library import Library
from fastrain.bundle import export
from fastrain.bundle.export import ExportRequest
from tests.fastrain.bundle.seen import trained, write_seen_library


@pytest.fixture(scope="session")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Pictures, stores and a manifest; not to be changed."""
    return write_seen_library(tmp_path_factory.mktemp("seen"))


@pytest.fixture(scope="session")
def erm(seen: Library, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained run; not to be changed."""
    return trained(seen, "erm", tmp_path_factory.mktemp("runs") / "erm")


@pytest.fixture(scope="session")
def erm_bundle(erm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its bundle; not to be changed."""
    out = tmp_path_factory.mktemp("bundles") / "erm.fasb"
    export.export(ExportRequest(erm, out))
    return out
