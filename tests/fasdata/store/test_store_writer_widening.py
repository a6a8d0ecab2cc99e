"""Frames added later, and clips taken out: the store is as if it had never been otherwise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fasdata.errors import UserError
from fasdata.extract.jobs import StoredClips
from fasdata.store import shards, tables
from fasdata.store.check import check_store
from fasdata.store.info import StoreInfo
from fasdata.store.keys import crop_key
from fasdata.store.reader import Store
from fasdata.store.writer import StoreWriter
from tests.fasdata.store.making import INFO, WIDER, clip, failed, fill, picture

UNION = ("all@decoded", "first(2)@decoded")


def only_new(number: int) -> dict[str, bytes]:
    return {key: data for key, data in clip(number, frames=4)[1].items() if key not in clip(number)[1]}


@pytest.mark.parametrize("shard_bytes", [1, 1 << 30])
def test_a_widened_store_equals_one_made_at_once(tmp_path, shard_bytes):
    fill(tmp_path / "s", [1, 2, 3], shard_bytes=shard_bytes)
    with StoreWriter(tmp_path / "s", WIDER, shard_bytes=shard_bytes) as writer:
        assert writer.info.rules == UNION
        assert not any(rules >= set(UNION) for rules in writer.rules.values())
        for number in (2, 1, 3):
            assert len(only_new(number)) == 2
            writer.extend(clip(number, frames=4)[0], only_new(number))
        writer.add(*clip(4, frames=4))
    store = Store.open(tmp_path / "s")
    assert store.info.rules == UNION
    assert np.array_equal(store.crop("train__1", 1), picture(101))
    assert np.array_equal(store.crop("train__1", 3), picture(103))
    at_once = fill(tmp_path / "t", [1, 2, 3, 4], WIDER, frames=4)
    assert store.content_hash() == at_once.content_hash()
    assert check_store(tmp_path / "s", rehash=True).intact


def test_the_rules_are_not_part_of_the_fingerprint_and_everything_else_is():
    assert INFO.fingerprint == WIDER.fingerprint
    for config in ({"frames": ["all@decoded"], "codec": "webp"}, {"codec": "png", "context": 3}):
        assert StoreInfo("demo-set", config, "0").fingerprint != INFO.fingerprint
    assert StoreInfo("other-set", INFO.config, "0").fingerprint != INFO.fingerprint
    assert StoreInfo("demo-set", INFO.config, "9").fingerprint == INFO.fingerprint


def test_a_store_names_every_device_that_worked_on_it_and_is_the_same_store(tmp_path):
    content = fill(tmp_path / "s", [1]).content_hash()
    assert StoreInfo.read(tmp_path / "s").devices == ()  # as in stores of earlier versions
    for device, named in (("cuda", ("cuda",)), ("cpu", ("cpu", "cuda")), ("cuda", ("cpu", "cuda"))):
        fill(tmp_path / "s", [], replace(INFO, devices=(device,)))
        assert StoreInfo.read(tmp_path / "s").devices == named
    fill(tmp_path / "s", [])
    store = Store.open(tmp_path / "s")
    assert store.info.devices == ("cpu", "cuda") and store.content_hash() == content
    store.info.write(tmp_path / "s")
    text = (tmp_path / "s" / "store.json").read_text()
    (tmp_path / "s" / "store.json").write_text(text.replace('"cuda"', "7"))
    with pytest.raises(UserError, match="does not describe a store"):
        StoreInfo.read(tmp_path / "s")


def test_asking_for_fewer_rules_changes_nothing(tmp_path):
    before = fill(tmp_path / "s", [1], WIDER, frames=4).content_hash()
    written = (tmp_path / "s" / "store.json").stat().st_mtime_ns, (tmp_path / "s" / tables.CLIPS).stat().st_mtime_ns
    with StoreWriter(tmp_path / "s", INFO) as writer:
        assert writer.info.rules == UNION
    fill(tmp_path / "s", [])
    assert Store.open(tmp_path / "s").content_hash() == before
    again = (tmp_path / "s" / "store.json").stat().st_mtime_ns, (tmp_path / "s" / tables.CLIPS).stat().st_mtime_ns
    assert Store.open(tmp_path / "s").info.rules == UNION and again != written
    fill(tmp_path / "s", [])
    last = (tmp_path / "s" / "store.json").stat().st_mtime_ns, (tmp_path / "s" / tables.CLIPS).stat().st_mtime_ns
    assert last == again  # nothing to do, nothing done


def test_a_widening_that_stopped_half_way_is_seen(tmp_path):
    fill(tmp_path / "s", [1, 2])
    writer = StoreWriter(tmp_path / "s", WIDER)
    writer.extend(clip(1, frames=4)[0], only_new(1))
    writer.close(finish=False)
    stored = StoredClips.of(tmp_path / "s")
    assert stored.rules == UNION
    assert [stored.lacks(f"train__{number}", UNION) for number in (1, 2)] == [False, True]
    problems = check_store(tmp_path / "s", rehash=True).problems
    assert set(problems) == {
        "the last run that wrote to the store did not finish",
        "a clip lacks frames of a rule of the store",
    }
    assert problems["a clip lacks frames of a rule of the store"].first == "train__2: all@decoded"


def test_a_frame_that_is_given_anew_replaces_the_old_one_and_dropped_ones_go(tmp_path):
    fill(tmp_path / "s", [1], WIDER, frames=4)
    record, crops = clip(1)
    with StoreWriter(tmp_path / "s", WIDER) as writer:
        first = crop_key("train__1", 0)
        writer.extend(record, {first: crops[crop_key("train__1", 1)]})
    store = Store.open(tmp_path / "s")
    assert np.array_equal(store.crop("train__1", 0), picture(101))
    with pytest.raises(UserError, match="000003"):
        store.crop("train__1", 3)


def test_a_record_whose_crops_are_not_there_is_not_written(tmp_path):
    with StoreWriter(tmp_path / "s", INFO) as writer:
        writer.add(*clip(1))
        record = clip(1, frames=4)[0]
        with pytest.raises(ValueError, match="000002"):
            writer.extend(record, {})
        with pytest.raises(ValueError, match="train__2/000000"):
            writer.add(clip(2)[0], {})
        with pytest.raises(ValueError, match="000002"):
            writer.extend(clip(1)[0], only_new(1))
        with pytest.raises(ValueError, match="not in the store"):
            writer.extend(*clip(7))
    assert Store.open(tmp_path / "s").content_hash() == fill(tmp_path / "t", [1]).content_hash()


def test_failed_clips_lack_nothing(tmp_path):
    with StoreWriter(tmp_path / "s", INFO) as writer:
        writer.add(failed(1), {})
    assert not StoredClips.of(tmp_path / "s").lacks("train__1", UNION)
    assert check_store(tmp_path / "s", rehash=True).intact


@pytest.mark.parametrize("shard_bytes", [1, 1 << 30])
def test_a_removed_clip_leaves_nothing_behind(tmp_path, shard_bytes):
    fill(tmp_path / "s", [1, 2, 3], shard_bytes=shard_bytes)
    gone = b"".join(clip(2)[1].values())
    files = tmp_path / "s" / "shards"

    def holds(piece: bytes) -> bool:
        return any(piece in path.read_bytes() for path in files.glob("*.lmdb"))

    assert holds(gone[200:260]) and holds(b"train/2.avi")
    with StoreWriter(tmp_path / "s", INFO, shard_bytes=shard_bytes) as writer:
        writer.remove("train__2")
        with pytest.raises(ValueError, match="not in the store"):
            writer.remove("train__2")
        writer.add(*clip(4))
    assert not holds(gone[200:260]) and not holds(b"train/2.avi")
    assert Store.open(tmp_path / "s").content_hash() == fill(tmp_path / "t", [1, 3, 4]).content_hash()
    assert check_store(tmp_path / "s", rehash=True).intact


def test_a_reader_that_was_open_sees_the_compacted_file(tmp_path):
    store = fill(tmp_path / "s", [1, 2])
    assert store.record("train__2").clip.clip_id == "train__2"
    path = shards.shard_paths(tmp_path / "s")[0]
    before = path.stat().st_ino
    with StoreWriter(tmp_path / "s", INFO) as writer:
        writer.remove("train__2")
    assert path.stat().st_ino != before
    with pytest.raises(UserError, match="train__2"):
        store.record("train__2")
    assert np.array_equal(Store.open(tmp_path / "s").crop("train__1", 0), picture(100))
