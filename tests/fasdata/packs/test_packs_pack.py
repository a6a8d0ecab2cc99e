"""Reading a pack: the same pixels as from the stores, and damaged files are refused."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from fasdata.errors import UserError
from fasdata.faces.view import View
from fasdata.library import Library
from fasdata.packs.make import make_pack
from fasdata.packs.pack import RECORD, Pack
from fasdata.packs.renderer import frames_of, image_rows
from fasdata.packs.writer import PackWriter
from tests.fasdata.packs.packing import VIEW, from_stores, made, manifest_of, plan


@pytest.mark.parametrize("codec", ["raw", "png", "webp"])
def test_a_pack_holds_the_very_pixels_of_the_stores(own: Library, codec: str) -> None:
    pack, report = made(own, codec, workers=2)
    expected = from_stores(own, VIEW)
    assert pack.info.exact and report.added == len(expected) == 80
    for (number, name), image in expected.items():
        packed = pack.image(number, name)
        assert packed.dtype == image.dtype and np.array_equal(packed, image)
    rows = np.array([number for number, _ in expected][::-7])
    together = np.zeros((len(rows), VIEW.size, VIEW.size, 3), np.uint8)
    assert pack.read_into(rows, "rgb", together) is (True if codec == "raw" else None)
    if codec == "raw":
        assert all(np.array_equal(a, expected[row, "rgb"]) for a, row in zip(together, rows.tolist(), strict=True))
        assert pack.read_into(rows, "rgb", together[:, :-1]) is False


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
            packed = pack.image(number, name)
            assert packed.dtype == image.dtype and np.array_equal(packed, image)
            kinds.add((name, str(image.dtype)))
    assert kinds == {("depth", "uint8"), ("depth", "uint16"), ("ir", "uint8")}
    tested = next(frames_of(manifest_of(multimodal), image_rows(manifest_of(multimodal), ["test"])))
    assert "depth" not in tested.modalities  # taken away by the protocol
    with pytest.raises(UserError, match=f"no depth of row {tested.row}"):
        pack.image(tested.row, "depth")
    shutil.rmtree(pack.folder)


def test_a_part_that_was_not_packed_is_not_held(own: Library) -> None:
    planned = plan(own, parts=("train",))
    make_pack(planned)
    pack, manifest = Pack.open(planned.folder, planned.manifest), planned.manifest
    assert pack.holds(image_rows(manifest, ["train"])).all()
    assert not pack.holds(image_rows(manifest, ["val", "test"])).any()


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
    with pytest.raises(UserError, match="ends too early"):
        opened.read_into(np.array([5, 6]), "rgb", np.zeros((2, VIEW.size, VIEW.size, 3), np.uint8))


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
