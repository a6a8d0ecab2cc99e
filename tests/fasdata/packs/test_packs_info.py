"""What a pack was made from: other packs are refused, each view has its own folder."""

from __future__ import annotations

import json

import pytest

from fasdata.errors import UserError
from fasdata.faces.view import View
from fasdata.library import Library
from fasdata.packs.pack import Pack
from tests.fasdata.packs.packing import made, manifest_of, plan
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
    texts = ["mxnet-256", "fas-256(size=64)", "fas-256(size=64,eye_dist=0.35,border=reflect)", "box"]
    folders = [plan(own, view=View.named(text)).folder for text in texts]
    assert [folder.name for folder in folders] == [
        "mxnet-256", "fas-256-size64", "fas-256-size64-borderreflect-eye_dist0.35", "box",
    ]  # fmt: skip
    assert {folder.parent for folder in folders} == {own.root / "packs" / "mcio-CIO2M" / "standard"}
