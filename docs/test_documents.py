"""Every block of every document is run on the synthetic world: `make docs-test`."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.blocks.reading import blocks_of, documents
from docs.blocks.running import Programs, synthetic

START = "docs/start.md"


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    with Programs(tmp_path_factory.mktemp("programs")) as running:
        yield running


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory, programs: Programs) -> Path:
    """The folder of somebody who has read the start; one of the processes that test makes it, the others wait."""
    top = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        top = top.parent
    folder, whole = top / "started", top / "started.whole"
    with (top / "started.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole.exists():
            shutil.rmtree(folder, ignore_errors=True)
            synthetic(folder, programs, blocks_of(START))
            whole.touch()
    return folder


@pytest.mark.parametrize("document", [name for name in documents() if name != START])
def test_its_blocks_end_as_it_says(document, started, programs, tmp_path):
    blocks = [block for block in blocks_of(document) if block.runs or "file" in block.comments]
    if not blocks:
        pytest.skip("it has no block that runs")
    folder = tmp_path / "folder"
    shutil.copytree(started, folder)
    for block in blocks:
        programs.run(block, folder, folder / "raw")


def test_the_start_ends_as_it_says(started):
    assert (started / "data").is_dir()
