"""Packing: the same bytes however often it is interrupted, and what it refuses beforehand."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from fasdata.errors import UserError
from fasdata.faces.view import View
from fasdata.library import Library
from fasdata.packs.make import make_pack
from fasdata.packs.pack import Pack
from fasdata.packs.writer import PackWriter
from tests.fasdata.packs.packing import PARTS, VIEW, from_stores, made, plan
from tests.fastrain.world import row, rows_of, write_library, write_manifest


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name != "writer.lock"}


def test_neither_threads_nor_interruptions_change_a_byte(own: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    pack, _ = made(own, workers=3)
    at_once = contents(pack.folder)
    shutil.rmtree(pack.folder)

    class Killed(BaseException):
        pass

    add = PackWriter.add

    def dying(self: PackWriter, number: int, *rest: object) -> None:
        if len(calls) == 11:
            raise Killed
        calls.append(number)
        add(self, number, *rest)  # type: ignore[arg-type]

    for _ in range(2):
        calls: list[int] = []
        monkeypatch.setattr(PackWriter, "add", dying)
        with pytest.raises(Killed):
            make_pack(plan(own))
        with (pack.folder / "images.bin").open("ab") as images, (pack.folder / "index.bin").open("ab") as index:
            images.write(b"written but not recorded")
            index.write(b"half a record")
    monkeypatch.undo()
    resumed = plan(own)
    assert resumed.n_done == 22 and len(resumed.rows) == 58
    assert make_pack(resumed).added == 58
    assert contents(pack.folder) == at_once
    again = plan(own)
    assert (again.n_done, len(again.rows), make_pack(again).added) == (80, 0, 0)


def test_parts_packed_one_after_the_other_are_one_pack(own: Library) -> None:
    for part in PARTS:
        make_pack(plan(own, parts=(part,)))
    planned = plan(own)
    assert planned.n_done == 80
    pack = Pack.open(planned.folder, planned.manifest)
    assert all(np.array_equal(pack.image(n, m), image) for (n, m), image in from_stores(own, VIEW).items())


def test_a_raw_pack_larger_than_the_disk_is_refused(own: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**6, 0, 80 * 3 * 40 * 40 - 1))
    with pytest.raises(UserError, match="does not fit on the disk"):
        plan(own)
    assert len(plan(own, "png").rows) == 80


def test_a_damaged_crop_stops_with_its_name_and_keeps_what_was_before(tmp_path: Path) -> None:
    library = write_library(tmp_path)
    rows = rows_of(library)
    rows[11] = row("casia-fasd", 0, rows[11]["part"], rows[11]["clip_id"], rows[11]["subject"], rows[11]["label"], 5)
    write_manifest(library, rows)  # frame 5 is in no store
    with pytest.raises(UserError, match="000005/rgb is not in the store"):
        make_pack(plan(library))
    assert 0 < plan(library).n_done <= 80


def test_views_that_the_faces_do_not_have_are_refused(multimodal: Library) -> None:
    with pytest.raises(UserError, match=r"mxnet-256 needs the landmarks of every face; found 80 of 80 without"):
        plan(multimodal)


def test_how_far_views_leave_the_stored_region_is_reported(own: Library) -> None:
    from fasdata.packs.make import describe_report

    near, far = plan(own, view=View.named("box", 32)), plan(own, view=View.named("fas-256(size=32,eye_dist=0.1)"))
    texts = [describe_report(planned, make_pack(planned)) for planned in (near, far)]
    assert "reach more than 10% past" not in texts[0]
    assert "80 views reach more than 10% past" in texts[1] and "black there" in texts[1]
