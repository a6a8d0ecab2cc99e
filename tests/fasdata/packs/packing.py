"""Make packs of a small library, and render the same views from its stores."""

from __future__ import annotations

import numpy as np

from fasdata.faces.view import View
from fasdata.library import Library
from fasdata.manifests import Manifest
from fasdata.packs.make import PackPlan, PackReport, make_pack, plan_pack
from fasdata.packs.pack import Pack
from fasdata.packs.renderer import Renderer, frames_of, image_rows
from tests.fastrain.world import CANONICAL, RECIPE

PARTS = ("train", "val", "test")
VIEW = View.named("mxnet-256", 40)


def plan(library: Library, codec: str = "raw", view: View = VIEW, parts: tuple[str, ...] = PARTS) -> PackPlan:
    """Plan a pack of the small protocol."""
    return plan_pack("CIO-M", RECIPE, library, view, codec, parts)


def made(library: Library, codec: str = "raw", view: View = VIEW, **options: int) -> tuple[Pack, PackReport]:
    """Make a pack of the small protocol and open it."""
    planned = plan(library, codec, view)
    report = make_pack(planned, **options)
    return Pack.open(planned.folder, planned.manifest), report


def manifest_of(library: Library) -> Manifest:
    """Read the manifest of the small protocol."""
    return Manifest.read(library.protocol_dir(CANONICAL, RECIPE))


def from_stores(library: Library, view: View) -> dict[tuple[int, str], np.ndarray]:
    """Render every view from the stores, by row and modality."""
    manifest = manifest_of(library)
    renderer = Renderer(manifest.open_stores(library), view)
    frames = frames_of(manifest, image_rows(manifest, PARTS))
    return {(frame.row, name): renderer.image(frame.frame, name) for frame in frames for name in frame.modalities}
