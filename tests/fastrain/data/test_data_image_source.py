"""Training takes views from the stores or from a pack, and makes the same of either."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from fasdata.errors import UserError
from fasdata.faces.view import View
from fasdata.library import Library
from fasdata.manifests import Manifest
from fasdata.packs.make import make_pack, plan_pack
from fastrain.data.image_source import image_source
from fastrain.data.images import Images
from fastrain.data.samples import Samples
from fastrain.run.plan import check_settings, make_plan
from tests.fastrain.modalities import write_multimodal
from tests.fastrain.sessions import assert_same_checkpoint, last, request, session
from tests.fastrain.world import CANONICAL, RECIPE, rows_of, write_manifest

VIEW = View.named("mxnet-256", 32)  # what the tiny runs see
PARTS = ("train", "val", "test")


@pytest.fixture
def own(library: Library, tmp_path: Path) -> Library:
    shutil.copytree(library.root, tmp_path / "library")
    return Library(tmp_path / "library")


def packed(library: Library, codec: str = "raw", view: View = VIEW, parts: tuple[str, ...] = PARTS) -> Path:
    plan = plan_pack("CIO-M", RECIPE, library, view, codec, parts)
    make_pack(plan)
    return plan.folder


def manifest_of(library: Library) -> Manifest:
    return Manifest.read(library.protocol_dir(CANONICAL, RECIPE))


@pytest.mark.parametrize("method", ["erm", "hfn_mp"])
def test_training_from_a_pack_is_training_from_the_stores(own: Library, tmp_path: Path, method: str) -> None:
    packed(own, "png")
    runs = {how: session(request(method, own, tmp_path / how, f"images={how}")) for how in ("store", "pack")}
    for how, run in runs.items():
        assert (run.true_images["train"]._pack is not None) == (how == "pack")
        run.train()
    assert_same_checkpoint(last(tmp_path / "store"), last(tmp_path / "pack"))
    from_store, from_pack = (runs[how].score()["test"][1]["score"] for how in ("store", "pack"))
    assert np.array_equal(from_store, from_pack)


def test_a_run_is_continued_from_either(own: Library, tmp_path: Path) -> None:
    out = tmp_path / "run"
    session(request("erm", own, out, "images=store", "max_iterations=6")).train()
    packed(own)
    wanted = request("erm", own, out, "images=pack", "max_iterations=6")
    assert make_plan(wanted, check_settings(wanted)).state == "unfinished"


def test_auto_takes_an_exact_pack_of_this_very_manifest_and_says_so(own: Library) -> None:
    manifest = manifest_of(own)
    nothing = image_source("auto", own, manifest, VIEW)
    assert (nothing.pack, nothing.note) == (None, "warped from the stores")
    folder = packed(own)
    for view, taken in ((VIEW, True), (VIEW.resized(48), False), (View.named("fas-256", 32), False)):
        assert (image_source("auto", own, manifest, view).of("train") is not None) == taken
    source = image_source("auto", own, manifest, VIEW)
    assert source.note == f"from the pack {folder} (raw)" and source.parts == set(PARTS) and source.pixels == "exact"
    assert image_source("store", own, manifest, VIEW).pack is None
    assert image_source("auto", own, manifest, View.named("mxnet-256(resize=linear)", 32)).pack is None
    about = json.loads((folder / "pack.json").read_text())
    (folder / "pack.json").write_text(json.dumps({**about, "geometry": 1}))
    older = image_source("auto", own, manifest, VIEW)
    assert older.pack is None and "holds views of another geometry" in older.note and "made anew" in older.note
    with pytest.raises(UserError, match=r"another geometry; expected version 2 .*; found version 1; run the same"):
        image_source("pack", own, manifest, VIEW)
    (folder / "pack.json").write_text(json.dumps(about))
    write_manifest(own, rows_of(own)[1:])
    stale = image_source("auto", own, manifest_of(own), VIEW)
    assert stale.pack is None and "built at another time" in stale.note


def test_auto_leaves_a_jpeg_pack_alone_and_pack_takes_it(own: Library, tmp_path: Path) -> None:
    folder = packed(own, "jpeg:95")
    manifest = manifest_of(own)
    auto = image_source("auto", own, manifest, VIEW)
    assert auto.pack is None and f"the pack {folder} is jpeg:95, which changes pixels" in auto.note
    assert image_source("pack", own, manifest, VIEW).pixels == "jpeg:95"
    session(request("erm", own, tmp_path / "run", "images=pack", "max_iterations=6")).train()
    other = request("erm", own, tmp_path / "run", "images=store", "max_iterations=6")
    with pytest.raises(UserError, match="pixels: jpeg:95 -> exact"):
        make_plan(other, check_settings(other))


def test_parts_that_are_not_packed_come_from_the_stores_unless_the_pack_was_asked_for(own: Library) -> None:
    folder = packed(own, parts=("train", "val"))
    manifest = manifest_of(own)
    source = image_source("auto", own, manifest, VIEW)
    assert source.of("train") and source.of("val") and source.of("test") is None
    assert source.note == f"from the pack {folder} (raw), but test warped from the stores"
    with pytest.raises(UserError, match="does not hold all of the part test; expected 20 frames; found 0"):
        image_source("pack", own, manifest, VIEW)


def test_a_missing_pack_is_told_with_the_command_that_makes_it(own: Library) -> None:
    line = r"no pack at .*mxnet-256-size32; make it: fasdata pack --protocol mcio:CIO2M --recipe standard --view 'mxnet"
    with pytest.raises(UserError, match=line):
        image_source("pack", own, manifest_of(own), VIEW)


def test_several_modalities_come_out_of_a_pack_as_out_of_the_stores(tmp_path: Path) -> None:
    library, view = write_multimodal(tmp_path), View.named("box", 30)
    packed(library, view=view)
    manifest = manifest_of(library)
    stores = manifest.open_stores(library)
    for part in PARTS:
        samples, pack = Samples.of(manifest, part), image_source("pack", library, manifest, view).of(part)
        first, second = (
            Images(samples, stores, view, modalities=("rgb", "depth", "ir"), pack=source) for source in (None, pack)
        )
        for i in range(len(samples)):
            rendered, read = first.load(i), second.load(i)
            assert rendered.keys() == read.keys() and first.depth_unit(i) == second.depth_unit(i)
            assert all(np.array_equal(rendered[name], read[name]) for name in rendered)


def test_the_view_of_a_run_has_parameters_and_they_are_recorded(own: Library, tmp_path: Path) -> None:
    wanted = request("erm", own, tmp_path / "run", "data.view=fas-256(eye_dist=0.4,border=reflect)")
    plan = make_plan(wanted, check_settings(wanted))
    assert plan.view == View.named("fas-256(eye_dist=0.4,border=reflect)", 32)
    assert plan.facts()["view"] == "fas-256(border=reflect,eye_dist=0.4)" and plan.facts()["image_size"] == 32
    wrong = request("erm", own, tmp_path / "run", "data.view=fas-256(size=64)")
    with pytest.raises(UserError, match=r"fas-256\(size=64\) is asked for at another size; found 32"):
        make_plan(wrong, check_settings(wrong))
