"""The bytes of removed clips are gone from the shards."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fasdata.library import Library
from fasdata.records import Clip, ClipRecord, CropRecord, FrameRecord
from fasdata.store import shards
from fasdata.store.info import StoreInfo
from fasdata.store.keys import crop_key
from fasdata.store.reader import Store
from fasdata.store.writer import StoreWriter
from tests.fasdata.forget.forgetting import DATASET, forget, stored


def test_small_entries_leave_nothing_in_the_gaps_of_pages(tmp_path: Path) -> None:
    """LMDB's own compacting copy keeps pieces of deleted entries: the shard has to be written from its entries."""
    random = np.random.default_rng(0)
    values = {}
    with StoreWriter(tmp_path / "store", StoreInfo("d", {}, "0")) as writer:
        for number in range(120):
            clip = Clip("d", f"c{number:03d}", {"rgb": f"c{number}.avi"}, subject=f"p{number % 3}")
            crop = FrameRecord(0, 0.0, "ok", crop=CropRecord((0, 0, 8, 8), 1.0, "png"))
            values[clip.clip_id] = random.bytes(int(random.integers(60, 3000)))
            record = ClipRecord(clip, "ok", n_frames=1, frames=(crop,))
            writer.add(record, {crop_key(clip.clip_id, 0): values[clip.clip_id]})
    with StoreWriter(tmp_path / "store", StoreInfo("d", {}, "0")) as writer:
        for number in range(0, 120, 3):
            writer.remove(f"c{number:03d}")
    (path,) = shards.shard_paths(tmp_path / "store")
    data = path.read_bytes()
    held = [clip for clip, value in values.items() if value[:30] in data or f"/{clip}".encode() in data]
    assert held == [f"c{number:03d}" for number in range(120) if number % 3]


def test_a_picture_that_somebody_else_has_too_is_reported(library: Library) -> None:
    store, values = Store.open(library.store_dir(DATASET)), stored(library)
    record = store.record("s3__attack")
    crops = {crop_key("twin", frame.index): values[crop_key("s3__attack", frame.index)] for frame in record.frames}
    twin = Clip(DATASET, "twin", {"rgb": "twin.avi"}, label="attack", attack_type="print", subject="s9")
    with StoreWriter(store.folder, store.info) as writer:
        writer.add(ClipRecord(twin, "ok", n_frames=12, frames=record.frames), crops)
    done = forget(library)
    assert done.code == 0
    assert "the same picture is stored for another person too: crop/twin/" in done.out
