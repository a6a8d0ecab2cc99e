"""Build manifests from small stores, and write such stores to disk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any

from fasdata.library import Library
from fasdata.manifests import Manifest
from fasdata.protocols.build import Options, assemble
from fasdata.protocols.collect import StoreLike
from fasdata.protocols.grammar import parse
from fasdata.protocols.planning import make_plan
from fasdata.protocols.recipe import Recipe, load_recipe
from fasdata.records import ClipRecord
from fasdata.store.info import StoreInfo
from fasdata.store.keys import crop_key
from fasdata.store.writer import StoreWriter
from tests.fasdata.protocols.conftest import FakeStore


def build(
    stores: Mapping[str, StoreLike], name: str = "CIO-M", recipe: str | Recipe = "standard", **options: Any
) -> Manifest:
    """Build and check the manifest of a protocol."""
    asked = Options(**options)
    rules = recipe if isinstance(recipe, Recipe) else load_recipe(recipe).used_with(asked.parameters)
    manifest = assemble(make_plan(parse(name), rules), stores, asked)
    manifest.check()
    return manifest


def rows(manifest: Manifest, **where: object) -> list[dict[str, Any]]:
    """Return the rows of a manifest with these values."""
    return [row for row in manifest.table.to_pylist() if all(row[key] == value for key, value in where.items())]


def lose_faces(make: SimpleNamespace, store: FakeStore, place: int) -> None:
    """Replace a clip of the store by one without a face."""
    lost = make.record(store.clip_records[place].clip, dict.fromkeys(range(20), "skip"))
    store.change(place, frames=lost.frames, status=lost.status, reason=lost.reason)


def write_store(library: Library, slug: str, records: Iterable[ClipRecord]) -> None:
    """Put records into a real store; the bytes of a crop only have to be different from others."""
    info = StoreInfo(slug, {"detector": "mtcnn", "frames": ["ssdg(1)@decoded"]}, "0")
    with StoreWriter(library.store_dir(slug), info) as writer:
        for record in records:
            clip = record.clip
            frames = [frame for frame in record.frames if frame.crop]
            crops = {frame.index: f"{slug} {clip.clip_id} {frame.index}".encode() for frame in frames}
            writer.add(record, {crop_key(clip.clip_id, index): crop for index, crop in crops.items()})
