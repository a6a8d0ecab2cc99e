"""Packs: the same pixels as from the stores, made once, and refused when they are of something else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from fasdata.errors import UserError
from fasdata.faces.view import View
from fasdata.library import Library
from fasdata.manifest import Manifest
from fasdata.packs.make import PackPlan, PackReport, make_pack, plan_pack
from fasdata.packs.pack import RECORD, Pack
from fasdata.packs.renderer import Renderer, frames_of, image_rows
from fasdata.packs.writer import PackWriter
from tests.fastrain.modalities import write_multimodal
from tests.fastrain.world import CANONICAL, RECIPE, row, rows_of, write_library, write_manifest

PARTS = ("train", "val", "test")
VIEW = View.named("mxnet-256", 40)


@pytest.fixture
def own(library: Library, tmp_path: Path) -> Library:
    """A copy of the library, to be written into."""
    shutil.copytree(library.root, tmp_path / "library")
    return Library(tmp_path / "library")


@pytest.fixture(scope="module")
def multimodal(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return write_multimodal(tmp_path_factory.mktemp("multimodal"))


def plan(library: Library, codec: str = "raw", view: View = VIEW, parts: tuple[str, ...] = PARTS) -> PackPlan:
    return plan_pack("CIO-M", RECIPE, library, view, codec, parts)


def made(library: Library, codec: str = "raw", view: View = VIEW, **options: int) -> tuple[Pack, PackReport]:
    planned = plan(library, codec, view)
    report = make_pack(planned, **options)
    return Pack.open(planned.folder, planned.manifest), report


def manifest_of(library: Library) -> Manifest:
    return Manifest.read(library.protocol_dir(CANONICAL, RECIPE))


def from_stores(library: Library, view: View) -> dict[tuple[int, str], np.ndarray]:
    manifest = manifest_of(library)
    renderer = Renderer(manifest.open_stores(library), view)
    frames = frames_of(manifest, image_rows(manifest, PARTS))
    return {(one.row, name): renderer.image(one.frame, name) for one in frames for name in one.modalities}


@pytest.mark.parametrize("codec", ["raw", "png", "webp"])
def test_a_pack_holds_the_very_pixels_of_the_stores(own: Library, codec: str) -> None:
    pack, report = made(own, codec, workers=2)
    expected = from_stores(own, VIEW)
    assert pack.info.exact and report.added == len(expected) == 80
    for (number, name), image in expected.items():
        found = pack.image(number, name)
        assert found.dtype == image.dtype and np.array_equal(found, image)


def test_a_jpeg_pack_is_near_and_says_that_it_is_not_exact(own: Library) -> None:
    pack, _ = made(own, "jpeg:90")
    assert not pack.info.exact
    for (number, name), image in from_stores(own, VIEW).items():
        difference = np.abs(pack.image(number, name).astype(int) - image)
        assert 0 < difference.mean() < 8


@pytest.mark.parametrize("codec", ["raw", "png", "jpeg:90"])
def test_depth_and_ir_keep_their_bits_and_what_is_missing_stays_missing(multimodal: Library, codec: str) -> None:
    view = View.named("box", 30)
    pack, _ = made(multimodal, codec, view)
    expected = from_stores(multimodal, view)
    kinds = set()
    for (number, name), image in expected.items():
        if name != "rgb":
            found = pack.image(number, name)
            assert found.dtype == image.dtype and np.array_equal(found, image)
            kinds.add((name, str(image.dtype)))
    assert kinds == {("depth", "uint8"), ("depth", "uint16"), ("ir", "uint8")}
    tested = next(one for one in frames_of(manifest_of(multimodal), image_rows(manifest_of(multimodal), ["test"])))
    assert "depth" not in tested.modalities  # taken away by the protocol
    with pytest.raises(UserError, match=f"no depth of row {tested.row}"):
        pack.image(tested.row, "depth")
    shutil.rmtree(pack.folder)


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


def test_a_part_that_was_not_packed_is_not_held(own: Library) -> None:
    planned = plan(own, parts=("train",))
    make_pack(planned)
    pack, manifest = Pack.open(planned.folder, planned.manifest), planned.manifest
    assert pack.holds(image_rows(manifest, ["train"])).all()
    assert not pack.holds(image_rows(manifest, ["val", "test"])).any()


def test_a_pack_of_something_else_is_refused_with_the_reason(own: Library) -> None:
    pack, _ = made(own)
    with pytest.raises(UserError, match=r"expected .*codec png; found the codec raw; remove that folder"):
        plan(own, "png")
    rows = rows_of(own)
    write_manifest(own, rows[1:])
    with pytest.raises(UserError, match="a manifest built at another time"):
        plan(own)
    with pytest.raises(UserError, match=r"not of this manifest.*built at another time.*pack again"):
        Pack.open(pack.folder, manifest_of(own))
    about = json.loads((pack.folder / "pack.json").read_text())
    about["manifest"] = manifest_of(own).meta["fingerprint"]
    about["stores"]["oulu-npu"] = "0" * 64
    (pack.folder / "pack.json").write_text(json.dumps(about))
    with pytest.raises(UserError, match="found other content of oulu-npu"):
        Pack.open(pack.folder, manifest_of(own))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda about: {**about, "format": 2}, "another format"),
        (lambda about: {**about, "extra": 1}, "does not describe a pack"),
        (lambda about: {**about, "view": "mxnet"}, "unknown view"),
        (lambda about: {**about, "codec": "pickle"}, "unknown codec"),
        (lambda about: [about], "does not describe a pack"),
    ],
)
def test_a_foreign_description_is_refused(own: Library, damage, words: str) -> None:
    pack, _ = made(own)
    path = pack.folder / "pack.json"
    path.write_text(json.dumps(damage(json.loads(path.read_text()))))
    with pytest.raises(UserError, match=words):
        Pack.open(pack.folder, manifest_of(own))


def test_damaged_files_are_refused(own: Library) -> None:
    pack, _ = made(own)
    manifest, images, index = manifest_of(own), pack.folder / "images.bin", pack.folder / "index.bin"
    whole, records = images.read_bytes(), np.fromfile(index, RECORD)
    images.write_bytes(whole[:-1])
    with pytest.raises(UserError, match="is damaged, or images are missing"):
        Pack.open(pack.folder, manifest)
    with pytest.raises(UserError, match="bytes of images for 80 rows"):
        plan(own)
    images.write_bytes(whole)
    for field, value in (("row", 80), ("row", 1), ("offset", len(whole)), ("offset", 2**64 - 9), ("length", 99)):
        changed = records.copy()
        changed[field][0] = value
        changed.tofile(index)
        with pytest.raises(UserError, match="damaged"):
            Pack.open(pack.folder, manifest)
    records.tofile(index)
    opened = Pack.open(pack.folder, manifest)
    with images.open("rb+") as file:  # after it was opened
        file.truncate(10)
    with pytest.raises(UserError, match="ends too early"):
        opened.image(5, "rgb")


def test_an_image_of_another_size_in_a_png_pack_is_refused(own: Library) -> None:
    from fasdata.store.codec import encode

    planned = plan(own, "png")
    with PackWriter(planned.folder, planned.info, 80) as writer:
        writer.add(3, {"rgb": encode(np.zeros((9, 9, 3), np.uint8))}, 0.0)
        writer.add(4, {"rgb": b"no image"}, 0.0)
    pack = Pack.open(planned.folder, planned.manifest)
    for number, words in ((3, r"\(9, 9, 3\)"), (4, "damaged")):
        with pytest.raises(UserError, match=words):
            pack.image(number, "rgb")


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


def test_a_full_disk_loses_nothing_that_was_safe(own: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno
    import os

    import fasdata.packs.writer as writing

    planned, synced = plan(own), os.fsync
    monkeypatch.setattr(writing, "_SAFE_AFTER", 5 * 3 * 40 * 40)
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


def test_each_view_has_a_place_of_its_own(own: Library) -> None:
    texts = ["mxnet-256", "fas-256(size=64)", "fas-256(size=64,eye_dist=0.35,border=reflect)", "box"]
    folders = [plan(own, view=View.named(text)).folder for text in texts]
    assert [folder.name for folder in folders] == [
        "mxnet-256", "fas-256-size64", "fas-256-size64-borderreflect-eye_dist0.35", "box",
    ]  # fmt: skip
    assert {folder.parent for folder in folders} == {own.root / "packs" / "mcio-CIO2M" / "standard"}


def test_how_far_views_leave_the_stored_region_is_reported(own: Library) -> None:
    from fasdata.packs.make import describe_report

    near, far = plan(own, view=View.named("box", 32)), plan(own, view=View.named("fas-256(size=32,eye_dist=0.1)"))
    said = [describe_report(one, make_pack(one)) for one in (near, far)]
    assert "reach more than 10% past" not in said[0]
    assert "80 views reach more than 10% past" in said[1] and "black there" in said[1]
