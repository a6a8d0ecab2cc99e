"""Whatever happens to a store's files, it ends in a line, a repair, and the undisturbed content after extraction."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

import lmdb
import numpy as np
import pytest

from fasdata.datasets.registry import find_card
from fasdata.errors import UserError
from fasdata.extract.executor import Executor
from fasdata.extract.extraction import plan_extract, run_extract
from fasdata.extract.settings import ExtractSettings
from fasdata.library import Library
from fasdata.protocols.sampling import parse_rules
from fasdata.records import ClipRecord
from fasdata.store import deriving, keys, shards
from fasdata.store.check import check_store, describe_check
from fasdata.store.reader import Store
from fasdata.store.repair import repair
from fasdata.store.writer import StoreWriter
from tests.commands import Called
from tests.fasdata.store.damages import damage
from tests.videos import write_video


@dataclass
class World:
    """A raw dataset, the clips that its extraction gives, and a store of them in three shards."""

    raw: Path
    clips: list[tuple[ClipRecord, dict[str, bytes]]]
    store: Path
    earlier: Path
    content: str

    def extracted_anew(self, folder: Path) -> None:
        """Write the clips that a store lacks, as an extraction does."""
        with StoreWriter(folder, Store.open(self.store).info) as writer:
            for record, crops in self.clips:
                if record.clip.clip_id not in writer.done:
                    writer.add(record, crops)


def extract(raw: Path, out: Path) -> str:
    """Extract all frames of a folder of videos with the detector `none`; return the content hash."""
    settings = ExtractSettings(tuple(parse_rules("all@decoded")), detector="none")
    plan = plan_extract(find_card("folder"), raw, Library(out), settings)
    return run_extract(plan, raw, executor=Executor(workers=0)).content_hash


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Six small videos, of which one is empty and one has crops short enough to lie beside their key."""
    top, chance = tmp_path_factory.mktemp("world"), np.random.default_rng(0)
    for number in range(6):
        label = "attack" if number % 2 else "bonafide"
        path = top / "raw" / "train" / label / f"p{number // 2}" / f"{number}.avi"
        high = 3 if number == 3 else 255
        frames = [chance.integers(0, high, (48, 64, 3), dtype=np.uint8) for _ in range(2)]
        write_video(path, frames)
        if number == 4:
            path.write_bytes(b"")
    content = extract(top / "raw", top / "library")
    store = Store.open(top / "library" / "folder")
    clips = []
    for record in store.records():
        crops = {key: store._get(record.clip.clip_id, key.encode()) for key in keys.crop_keys(record)}
        clips.append((record, crops))
    for folder, last in ((top / "earlier", 4), (top / "store", 6)):
        if last == 6:
            shutil.copytree(top / "earlier", folder)
        with StoreWriter(folder, store.info, shard_bytes=60_000) as writer:
            for record, crops in clips[:last]:
                if record.clip.clip_id not in writer.done:
                    writer.add(record, crops)
            writer.describe(clips[1][0].clip)  # so that there are pages of an older state
    shards.close_readers(top / "earlier")
    world = World(top / "raw", clips, top / "store", top / "earlier", content)
    assert check_store(world.store, rehash=True).content_hash == content
    assert len(shards.shard_paths(world.store)) > 2
    shards.close_readers(world.store)
    return world


def read_everything(world: World, folder: Path) -> int:
    """Read every record and crop; return how many readings end in a line."""
    refused, store = 0, Store.open(folder)
    for record, crops in world.clips:
        clip_id = record.clip.clip_id
        for read in (partial(store.record, clip_id), *(partial(store._get, clip_id, key.encode()) for key in crops)):
            try:
                read()
            except UserError as error:
                assert "\n" not in str(error)
                refused += 1
    return refused


SEEDS = 80  # ways to damage a store


def test_after_any_damage_a_repair_and_an_extraction_give_the_undisturbed_content(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # nothing here is about power cuts
    repaired = kept = 0
    for seed in range(SEEDS):
        chance, folder = Random(seed), tmp_path / str(seed) / "folder"
        shutil.copytree(world.store, folder)
        how = f"seed {seed}: {damage(chance, folder, world.earlier)}"
        try:
            refused = read_everything(world, folder)
            report = check_store(folder, rehash=True)
            assert report.intact <= (not refused), how
            if not report.intact:
                repaired += 1
                words = "; ".join(repair(report))
                lost = {record.clip.clip_id for record, _ in world.clips} - Store.open(folder)._shard_of.keys()
                assert all(clip in words for clip in lost), (how, words, lost)
                kept += len(world.clips) - len(lost)
            if seed % 25:
                world.extracted_anew(folder)
            else:
                extract(world.raw, folder.parent)
            report = check_store(folder, rehash=True)
            assert report.intact and report.content_hash == world.content, (how, describe_check(report))
        except (AssertionError, UserError):
            raise
        except Exception as error:
            raise AssertionError(how) from error
        finally:
            shards.close_readers(folder)
        shutil.rmtree(folder.parent)
    assert repaired > SEEDS / 2 and kept > 3 * repaired


def test_a_damaged_page_of_a_crop_is_told_in_a_line_named_repaired_and_made_anew(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    shutil.copytree(world.store, folder)
    path = shards.shard_path(folder, 0)
    data, key = path.read_bytes(), next(iter(world.clips[0][1]))
    first = data.index(world.clips[0][1][key]) - 16
    path.write_bytes(data[:first] + b"\x11" * 4096 + data[first + 4096 :])
    clip_id = world.clips[0][0].clip.clip_id
    for options in ((), ("--rehash",)):
        done = Called("fasdata", "store", "check", folder, *options)
        assert done.code == 3 and f"page {first // 4096} is not the first of a value" in done.out
        assert f"to be made anew (1): {clip_id}" in done.out
    with pytest.raises(UserError, match=r"fasdata store check \S+ --repair"):
        Store.open(folder)._get(clip_id, key.encode())
    done = Called("fasdata", "store", "check", folder, "--repair")
    assert "of 00000.lmdb, which is set aside as 00000.lmdb.damaged" in done.out
    assert f"made anew by the next extraction (1): {clip_id}" in done.out
    assert extract(world.raw, tmp_path) == world.content
    assert Called("fasdata", "store", "check", folder, "--rehash").code == 0


@pytest.mark.parametrize("name", ["CorruptedError", "PageNotFoundError", "BadTxnError", "PanicError"])
def test_whatever_lmdb_says_while_it_is_read_is_a_line(world: World, tmp_path: Path, name: str) -> None:
    with (
        pytest.raises(UserError, match=r"00000\.lmdb cannot be read.*--repair"),
        shards.reading(shards.shard_path(world.store, 0)),
    ):
        raise getattr(lmdb, name)("what it says")


def test_what_the_machine_lacks_is_not_blamed_on_the_shard(world: World, tmp_path: Path) -> None:
    for error, advice in ((lmdb.MemoryError("x"), "ulimit -v"), (lmdb.ReadersFullError("x"), "too many processes")):
        with pytest.raises(UserError, match=advice) as caught, shards.reading(shards.shard_path(world.store, 0)):
            raise error
        assert not isinstance(caught.value, shards.DamagedShard)


def test_a_shard_cut_off_while_it_is_open_is_a_line(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    shutil.copytree(world.store, folder)
    store, path = Store.open(folder), shards.shard_path(folder, 0)
    store.record(world.clips[0][0].clip.clip_id)
    with path.open("rb+") as file:
        file.truncate(8192)
    with pytest.raises(UserError, match="fewer than when it was opened"):
        store.record(world.clips[0][0].clip.clip_id)
    shards.close_readers(folder)


def test_a_clip_that_was_removed_does_not_come_back_from_old_pages(world: World, tmp_path: Path) -> None:
    """The pages of a removed clip are still in the file until it is compacted, and their hashes still fit."""
    folder = tmp_path / "folder"
    shutil.copytree(world.store, folder)
    gone = world.clips[0][0].clip.clip_id
    path = shards.shard_path(folder, 0)
    with lmdb.open(str(path), subdir=False, map_size=1 << 24) as env, env.begin(write=True) as transaction:
        for key in (f"clip/{gone}", *world.clips[0][1]):
            assert transaction.delete(key.encode())
    deriving.rebuild(folder)
    shards.close_readers(folder)
    path.write_bytes(b"\0" * 8192 + path.read_bytes()[8192:])
    repair(check_store(folder))
    assert gone not in Store.open(folder).clip_ids() and len(Store.open(folder).clip_ids()) > 2
    shards.close_readers(folder)
