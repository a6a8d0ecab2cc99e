"""One writer at a time, and nothing that was safe is lost."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.packs.make import make_pack
from fasdata.packs.writer import PackWriter
from tests.fasdata.packs.packing import VIEW, from_stores, made, plan


def test_only_one_may_write_and_a_folder_of_something_else_is_left_alone(own: Library) -> None:
    planned = plan(own)
    with (
        PackWriter(planned.folder, planned.info, 80),
        pytest.raises(UserError, match="another process is writing the pack"),
    ):
        make_pack(planned)
    shutil.rmtree(planned.folder)
    planned.folder.mkdir()
    (planned.folder / "thesis.tex").write_text("")
    with pytest.raises(UserError, match=r"holds no pack; found thesis\.tex"):
        make_pack(planned)
    assert sorted(path.name for path in planned.folder.iterdir()) == ["thesis.tex"]
    (planned.folder / "thesis.tex").rename(planned.folder / ".pack.json.99.tmp")  # killed at its first file
    make_pack(planned)
    assert not (planned.folder / ".pack.json.99.tmp").exists()


def test_a_full_disk_loses_nothing_that_was_safe(own: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno
    import os

    import fasdata.packs.writer as writing

    planned, synced = plan(own), os.fsync
    monkeypatch.setattr(writing, "SYNC_AFTER", 5 * 3 * 40 * 40)
    left = [6]

    def full(file: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        synced(file)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        make_pack(planned)
    monkeypatch.undo()
    assert plan(own).n_done in (10, 15)
    pack, _ = made(own)
    assert all(np.array_equal(pack.image(n, m), image) for (n, m), image in from_stores(own, VIEW).items())
