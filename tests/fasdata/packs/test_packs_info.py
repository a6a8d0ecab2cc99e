"""What a pack was made from: other packs are refused, each view has its own folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fasdata.errors import UserError
from fasdata.faces.view import View
from fasdata.library import Library
from fasdata.packs.make import describe_plan, make_pack
from fasdata.packs.pack import Pack
from tests.fasdata.packs.packing import VIEW, from_stores, made, manifest_of, plan
from tests.fastrain.world import rows_of, write_manifest


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


def of_geometry(folder: Path, version: int | None) -> None:
    """Make a pack one of another version of its view's geometry (None: as the first packs, which do not state it)."""
    about = json.loads((folder / "pack.json").read_text())
    about["geometry"] = version
    if version is None:
        del about["geometry"]
    (folder / "pack.json").write_text(json.dumps(about))
    images = folder / "images.bin"
    images.write_bytes(bytes(images.stat().st_size))


@pytest.mark.parametrize("version", [None, 7])
def test_a_pack_of_another_geometry_is_not_read_and_made_anew(own: Library, version: int | None) -> None:
    pack, _ = made(own, "png")
    of_geometry(pack.folder, version)
    with pytest.raises(UserError, match=r"of another geometry; expected version 2 .*mxnet-256.*made anew"):
        Pack.open(pack.folder, manifest_of(own))
    planned = plan(own)  # with another codec too: nothing of the old pack is kept
    assert (planned.n_done, len(planned.rows)) == (0, 80)
    assert f"made anew: what is there has version {version or 1} of the view's geometry, not 2" in describe_plan(
        planned
    )
    assert make_pack(planned).added == 80
    again = Pack.open(planned.folder, planned.manifest)
    assert json.loads((pack.folder / "pack.json").read_text())["geometry"] == 2 and again.info.codec == "raw"
    assert all(np.array_equal(again.image(n, m), image) for (n, m), image in from_stores(own, VIEW).items())
    assert plan(own).n_done == 80 and "made anew" not in describe_plan(plan(own))


def test_boxes_are_cut_as_they_were_so_that_their_first_packs_serve(own: Library) -> None:
    view = View.named("box", 24)
    pack, _ = made(own, view=view)
    about = json.loads((pack.folder / "pack.json").read_text())
    assert about.pop("geometry") == 1
    (pack.folder / "pack.json").write_text(json.dumps(about))
    assert Pack.open(pack.folder, manifest_of(own)).info == pack.info and plan(own, view=view).n_done == 80


def test_a_pack_that_died_while_it_was_begun_anew_is_begun_again(own: Library) -> None:
    pack, _ = made(own)
    of_geometry(pack.folder, 1)
    (pack.folder / "index.bin").unlink()
    assert make_pack(plan(own)).added == 80
    for name in ("index.bin", "images.bin", "pack.json"):
        (pack.folder / name).unlink()
    assert make_pack(plan(own)).added == 80


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


def test_each_view_has_a_place_of_its_own(own: Library) -> None:
    texts = [
        "mxnet-256", "fas-256(size=64)", "fas-256(size=64,eye_dist=0.35,border=reflect)", "box", "box(resize=linear)",
    ]  # fmt: skip
    folders = [plan(own, view=View.named(text)).folder for text in texts]
    assert [folder.name for folder in folders] == [
        "mxnet-256", "fas-256-size64", "fas-256-size64-borderreflect-eye_dist0.35", "box", "box-resizelinear",
    ]  # fmt: skip
    assert {folder.parent for folder in folders} == {own.root / "packs" / "mcio-CIO2M" / "standard"}
