"""A damaged store: a removal is refused before it begins, or goes on after a repair, and never locks the library."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import lmdb
import numpy as np
import pytest

from fasdata.forget import carry_out
from fasdata.library import Library
from fasdata.records import ClipRecord
from fasdata.store import codec, shards, writer_lock
from fasdata.store.keys import crop_keys
from fasdata.store.lmdb_format import read_metas
from fasdata.store.reader import Store
from fasdata.store.writer import StoreWriter
from tests.commands import Called
from tests.fasdata.forget.forgetting import CLIPS, DATASET, files, forget, stored
from tests.fastrain.world import RECIPE

OTHER = "s1__attack"


class Killed(BaseException):
    """Stands for a process that dies."""


@pytest.fixture
def large(library: Library) -> Library:
    """The library with crops that lie on overflow pages."""
    noise = np.random.default_rng(0)
    store = Store.open(library.store_dir(DATASET))
    records = list(store.records())
    with StoreWriter(store.folder, store.info) as writer:
        for record in records:
            writer.remove(record.clip.clip_id)
            crops = {key: noise.integers(0, 255, (48, 48, 3), dtype=np.uint8) for key in crop_keys(record)}
            writer.add(record, {key: codec.encode(crop) for key, crop in crops.items()})
    return library


def hurt(library: Library, clip_id: str, crop: int = -1) -> None:
    """Overwrite the first overflow page of one of a clip's crops."""
    values = stored(library)
    key = [key for key in values if key.startswith(f"crop/{clip_id}/")][crop]
    (path,) = shards.shard_paths(library.store_dir(DATASET))
    data = path.read_bytes()
    at = data.index(values[key]) - 16
    assert at % 4096 == 0
    path.write_bytes(data[:at] + b"\x11" * 4096 + data[at + 4096 :])


def contents(library: Library) -> dict[str, ClipRecord]:
    """Return the records by clip."""
    collected = {record.clip.clip_id: record for record in Store.open(library.store_dir(DATASET)).records()}
    shards.close_readers(library.store_dir(DATASET))
    return collected


def repaired(library: Library) -> str:
    """Run the check with its repair."""
    return Called("fasdata", "store", "check", DATASET, "--rehash", "--repair", "--data", library.root).out


def person_is_gone(library: Library) -> None:
    """Check that no byte of the store names the person, and that nothing is locked."""
    folder = library.store_dir(DATASET)
    data = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert not any(clip.encode() in data for clip in CLIPS)
    library.require_settled(DATASET)


@pytest.mark.parametrize("clip_id", [OTHER, "s3__attack"])
def test_a_damaged_page_stops_a_removal_before_it_begins_and_names_the_cause(large: Library, clip_id: str) -> None:
    hurt(large, clip_id)
    before = files(large.root)
    line = forget(large).line
    assert "is not the first of a value" in line and "nothing was changed" in line and "space" not in line
    assert f"fasdata store check {large.store_dir(DATASET)} --repair" in line
    assert files(large.root) == before and not large.journal("forget", DATASET).exists()
    assert f"made anew by the next extraction (1): {clip_id}" in repaired(large)
    done = forget(large)  # the recordings may be gone: no extraction is needed first
    assert done.code == 3 and "2 clips" in done.out if clip_id == OTHER else done.code in (0, 3)
    assert "00000.lmdb.damaged: removed" in done.out
    person_is_gone(large)
    assert writer_lock.lost_clips(large.store_dir(DATASET)) == {clip_id} - set(CLIPS)


@pytest.mark.parametrize("stage", ["forget_rows", "erase", "prove"])
def test_a_page_damaged_in_the_middle_of_a_removal_locks_nothing(
    large: Library, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    records = contents(large)
    whole = stored(large)

    def dies(*_: object, **__: object) -> None:
        raise Killed

    monkeypatch.setattr(carry_out, stage, dies)
    with pytest.raises(Killed):
        forget(large)
    monkeypatch.undo()
    hurt(large, OTHER)
    for _ in range(2 if stage != "prove" else 0):
        assert "the removal has begun" in forget(large).line
    if stage == "prove":  # nothing is left to be removed
        assert forget(large).code == 3
    assert f"made anew by the next extraction (1): {OTHER}" in repaired(large)
    if stage != "prove":
        done = forget(large)
        assert done.code == 3 and "note: in the store" in done.out and f"e.g. {OTHER}" in done.out
    person_is_gone(large)
    with StoreWriter(large.store_dir(DATASET), Store.open(large.store_dir(DATASET)).info) as writer:  # the extraction
        writer.add(records[OTHER], {key: whole[key] for key in crop_keys(records[OTHER])})
    left = {clip: record for clip, record in records.items() if clip not in CLIPS}
    assert contents(large) == left
    assert Called("fasdata", "store", "check", DATASET, "--rehash", "--data", large.root).code == 0


def _change(library: Library, key: str, change: Callable[[bytes], bytes | None]) -> None:
    (path,) = shards.shard_paths(library.store_dir(DATASET))
    shards.close_readers(library.store_dir(DATASET))
    with lmdb.open(str(path), subdir=False, map_size=1 << 24) as env, env.begin(write=True) as transaction:
        new = change(bytes(transaction.get(key.encode())))
        if new is None:
            transaction.delete(key.encode())
        else:
            transaction.put(key.encode(), new)


def test_pixels_of_others_that_are_not_as_written_do_not_stop_a_removal(library: Library) -> None:
    _change(library, f"crop/{OTHER}/000003/rgb", lambda data: data[:-20] + bytes([data[-20] ^ 1]) + data[-19:])
    done = forget(library)
    assert done.code == 3 and f"the pixels of a clip are not those that were written (e.g. {OTHER})" in done.out
    assert "the removal is done; for the rest: fasdata store check" in done.out
    person_is_gone(library)


def test_crops_without_a_record_go_too(library: Library) -> None:
    _change(library, f"clip/{CLIPS[0]}", lambda data: None)
    done = forget(library)
    assert done.code == 0 and "1 clips removed" in done.out
    person_is_gone(library)


def test_a_damaged_record_is_told_before_anything_is_changed(library: Library) -> None:
    _change(library, f"clip/{OTHER}", lambda data: data[:-5])
    before = files(library.root)
    assert "store check --repair" in forget(library).line
    assert files(library.root) == before and not library.journal("forget", DATASET).exists()


def test_a_damaged_manifest_can_be_taken_out_of_the_way(library: Library, tmp_path: Path) -> None:
    (manifest,) = library.root.glob(f"protocols/*/{RECIPE}/manifest.parquet")
    manifest.write_bytes(b"PAR1")
    assert f"remove {manifest.parent} and run this again" in forget(library).line
    manifest.parent.rename(tmp_path / "elsewhere")
    assert forget(library).code == 0
    assert replace(contents(library)["s1__attack"]).clip.subject == "s1"


def test_pages_that_no_entry_leads_to_are_written_anew(library: Library) -> None:
    """After a lost write of the meta page the newest clips are in the file, in the tables, and in no tree."""
    (path,) = shards.shard_paths(library.store_dir(DATASET))
    shards.close_readers(library.store_dir(DATASET))
    with StoreWriter(library.store_dir(DATASET), Store.open(library.store_dir(DATASET)).info) as writer:
        record = writer.record(CLIPS[0])
        late = replace(record, clip=replace(record.clip, clip_id="s3__late", relpaths={"rgb": "late.avi"}), frames=())
        writer.add(replace(late, status="fta", reason="no face"), {})
    data = bytearray(path.read_bytes())
    metas = read_metas(path)
    lost = max((0, 1), key=lambda number: metas[number].txn)
    page = bytearray(data[(1 - lost) * 4096 :][:4096])
    page[:8] = lost.to_bytes(8, "little")
    data[lost * 4096 : (lost + 1) * 4096] = page
    path.write_bytes(data)
    assert b"s3__late" in path.read_bytes()
    done = forget(library)
    assert done.code in (0, 3), done.out
    person_is_gone(library)
    assert b"s3__late" not in path.read_bytes()
