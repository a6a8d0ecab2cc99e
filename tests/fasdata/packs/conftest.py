"""Libraries to pack: one that may be written into, and one with several modalities."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fasdata.library import Library
from tests.fastrain.conftest import library
from tests.fastrain.modalities import write_multimodal

__all__ = ["library", "multimodal", "own"]


@pytest.fixture
def own(library: Library, tmp_path: Path) -> Library:
    """A copy of the library, to be written into."""
    shutil.copytree(library.root, tmp_path / "library")
    return Library(tmp_path / "library")


@pytest.fixture(scope="session")
def multimodal(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return write_multimodal(tmp_path_factory.mktemp("multimodal"))
