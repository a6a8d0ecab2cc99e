"""Building from stores on disk, as the command does."""

from __future__ import annotations

import pytest

from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.manifest import Manifest
from fasdata.protocols.build import build_protocol
from fasdata.protocols.describe import describe
from fasdata.store.info import StoreInfo
from fasdata.store.keys import crop_key
from fasdata.store.reader import Store
from fasdata.store.writer import StoreWriter


def write_store(library: Library, slug: str, records) -> None:
    """Put records into a real store; the bytes of a crop only have to be different from others."""
    info = StoreInfo(slug, {"detector": "mtcnn", "frames": ["ssdg(1)@decoded"]}, "0")
    with StoreWriter(library.store_dir(slug), info) as writer:
        for record in records:
            clip = record.clip
            frames = [frame for frame in record.frames if frame.crop]
            crops = {frame.index: f"{slug} {clip.clip_id} {frame.index}".encode() for frame in frames}
            writer.add(record, {crop_key(clip.clip_id, index): crop for index, crop in crops.items()})


@pytest.fixture
def library(stores, tmp_path) -> Library:
    library = Library(tmp_path)
    for slug in ("casia-fasd", "msu-mfsd"):
        write_store(library, slug, stores[slug].clip_records)
    return library


def test_a_library_becomes_a_manifest_whose_keys_the_stores_hold(library):
    built = build_protocol("C2M", library=library)
    read = Manifest.read(built.path)
    assert read.fingerprint == built.fingerprint
    opened = read.open_stores(library)
    assert set(opened) == {"casia-fasd", "msu-mfsd"}
    for row in read.table.to_pylist():
        record = opened[row["dataset"]].record(row["clip_id"])
        assert (record.clip.label, record.clip.subject) == (row["label"], row["subject"])
        assert crop_key(record.clip.clip_id, row["frame_index"]) == row["key_rgb"]
    assert "mcio:C2M" in describe(built)


def test_building_again_gives_the_same_file(library):
    first = build_protocol("C2M", library=library)
    before = first.path.read_bytes()
    assert build_protocol("C2M", library=library).fingerprint == first.fingerprint
    assert first.path.read_bytes() == before


def test_a_store_that_grew_makes_the_manifest_old(library, make):
    built = build_protocol("C2M", library=library)
    write_store(library, "msu-mfsd", [make.record(make.clip("msu-mfsd", "test", "late", "attack"))])
    assert Store.open(library.store_dir("msu-mfsd")).record("test__late__attack_0")
    with pytest.raises(UserError, match=r"store of msu-mfsd changed since.*build it again"):
        Manifest.read(built.path).open_stores(library)


def test_without_a_store_nothing_is_written(library):
    with pytest.raises(UserError, match=r"no store of oulu-npu.*fasdata extract oulu-npu"):
        build_protocol("O2M", library=library)
    assert not (library.root / "protocols").exists()
