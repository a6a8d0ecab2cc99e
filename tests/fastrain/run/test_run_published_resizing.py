"""Presets that replicate a paper resize as its code does; what nobody asked for is resized as we can defend."""

from __future__ import annotations

from pathlib import Path

import pytest

from fasdata.faces.view import View
from fasdata.manifests import Manifest
from fastrain.methods.registry import METHODS
from fastrain.run.plan import settled_view
from fastrain.run.settings import layered, presets, resolve
from tests.fastrain.modalities import write_multimodal
from tests.fastrain.world import CANONICAL, RECIPE

# By method: what the published code does to a face that shrinks. ME-FAS starts from pictures that shrank before.
PUBLISHED = {"hfn_mp": "linear", "gac_fas": "pillow", "mmdg": "linear", "mmdgfas": "linear"}
PUBLISHED |= {"cdcn": "linear", "sa_fas": "pillow", "ssdg": "linear"}
# Presets of all folds of a protocol, which name none of them.
OF_FOLDS = {("cdcn", "cefa-modalities"), ("cdcn", "oulu-P3"), ("cdcn", "oulu-P4")}
METHODS_DIR = Path(__file__).parents[3] / "fastrain" / "methods"


def view(method: str, preset: str | None) -> View:
    data = resolve(layered(method, preset)).data
    assert data.view is not None
    return View.named(data.view, data.image_size)


@pytest.mark.parametrize(("method", "preset"), [(m, preset) for m in METHODS for preset in [None, *presets(m)]])
def test_only_presets_of_published_protocols_resize_as_published(method: str, preset: str | None) -> None:
    published = preset and (resolve(layered(method, preset)).published_for or (method, preset) in OF_FOLDS)
    resize = PUBLISHED.get(method, "area") if published else "area"
    default = view(method, None)
    assert view(method, preset).resize == resize
    assert view(method, preset).name == default.name


@pytest.mark.parametrize("method", PUBLISHED)
def test_the_switch_stands_in_the_methods_readme(method: str) -> None:
    published = next(view(method, preset) for preset in presets(method) if preset != "demo")
    assert f"`data.view={published.geometry}`" in (METHODS_DIR / method / "README.md").read_text(encoding="utf-8")


def test_faces_without_landmarks_are_cut_by_their_box_and_resized_alike(tmp_path: Path) -> None:
    library = write_multimodal(tmp_path)  # pictures of faces alone
    manifest = Manifest.read(library.protocol_dir(CANONICAL, RECIPE))
    for preset, text in (("CIO-M", "box(resize=linear)"), (None, "box")):
        seen, why = settled_view(resolve(layered("hfn_mp", preset)), False, manifest)
        assert seen == View.named(text, 256) and "mxnet-256 needs landmarks" in why
