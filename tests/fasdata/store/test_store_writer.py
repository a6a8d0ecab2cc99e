import json
import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import lmdb
import numpy as np
import pytest

from fasdata.errors import UserError
from fasdata.records import clip_record_from_json, clip_record_to_json
from fasdata.store import group, shards, tables
from fasdata.store.check import check_store
from fasdata.store.info import StoreInfo
from fasdata.store.keys import CROP_KEY, crop_key
from fasdata.store.reader import Store, natural
from fasdata.store.shard_writer import ShardWriter
from fasdata.store.writer import StoreWriter
from tests.fasdata.store.making import INFO, clip, failed, fill, picture


def test_what_is_written_is_read_back(tmp_path):
    store = fill(tmp_path / "s", [1, 2])
    record = store.record("train__2")
    assert replace(record, content_hash="", pixel_hash="") == clip(2)[0]
    assert np.array_equal(store.crop("train__2", 1), picture(201))
    assert [r.clip.clip_id for r in store.records()] == ["train__1", "train__2"]


def test_records_survive_json():
    made = clip(3)[0]
    assert clip_record_from_json(json.loads(json.dumps(clip_record_to_json(made)))) == made


def test_content_hash_ignores_order_shards_and_interruption(tmp_path):
    expected = fill(tmp_path / "a", range(6)).content_hash()
    many = fill(tmp_path / "b", [5, 3, 1], shard_bytes=20_000)
    fill(tmp_path / "b", [0, 4, 2], shard_bytes=20_000)
    assert len(shards.shard_paths(tmp_path / "b")) > 1
    assert Store.open(tmp_path / "b").content_hash() == expected
    assert fill(tmp_path / "c", range(5)).content_hash() != expected
    assert many.info == INFO


def test_a_copied_recording_keeps_its_pixel_hash(tmp_path):
    (record, crops), copy = clip(1), "train__copy"
    renamed = {key.replace("train__1", copy): value for key, value in crops.items()}
    with StoreWriter(tmp_path / "s", INFO) as writer:
        a = writer.add(record, crops)
        b = writer.add(replace(record, clip=replace(record.clip, clip_id=copy)), renamed)
        c = writer.add(*clip(2))
    assert a.pixel_hash == b.pixel_hash != c.pixel_hash
    assert a.content_hash != b.content_hash


def test_the_map_grows_while_writing(tmp_path):
    with StoreWriter(tmp_path / "s", INFO, first_map=1 << 15) as writer:
        writer.add(*clip(1, side=300))
    assert Store.open(tmp_path / "s").crop("train__1", 0).shape == (300, 300, 3)


def test_an_interrupted_store_has_no_tables_and_is_still_read(tmp_path):
    writer = StoreWriter(tmp_path / "s", INFO)
    writer.add(*clip(1))
    writer.close(finish=False)
    assert not (tmp_path / "s" / tables.CLIPS).exists()
    assert Store.open(tmp_path / "s").clip_ids() == ["train__1"]
    with StoreWriter(tmp_path / "s", INFO) as again:
        assert again.done == {"train__1": "ok"}
    assert (tmp_path / "s" / tables.CLIPS).exists()


def test_a_clip_is_written_once_unless_it_failed(tmp_path):
    with StoreWriter(tmp_path / "s", INFO, shard_bytes=1) as writer:
        writer.add(failed(1), {})
        writer.add(*clip(2))
        writer.add(*clip(1))
        with pytest.raises(ValueError, match="already"):
            writer.add(*clip(1))
    store = Store.open(tmp_path / "s")
    assert [r.status for r in store.records()] == ["ok", "ok"]
    assert store.content_hash() == fill(tmp_path / "t", [1, 2]).content_hash()


@pytest.mark.parametrize("shard_bytes", [1, 1 << 30])
def test_a_stored_clip_can_be_given_another_meaning(tmp_path, shard_bytes):
    with StoreWriter(tmp_path / "s", INFO, shard_bytes=shard_bytes) as writer:
        for number in (1, 2, 3):
            writer.add(*clip(number))
        relabelled = replace(clip(1)[0].clip, label="bonafide", attack_type="bonafide", split="test")
        writer.describe(relabelled)
        writer.add(*clip(4))
    store = Store.open(tmp_path / "s")
    assert store.record("train__1").clip == relabelled and len(store.clip_ids()) == 4
    assert np.array_equal(store.crop("train__1", 1), picture(101))
    assert store.content_hash() != fill(tmp_path / "t", [1, 2, 3, 4]).content_hash()


def test_another_configuration_is_refused_and_named(tmp_path):
    fill(tmp_path / "s", [1])
    other = StoreInfo("demo-set", {"frames": ["ssdg(2)@decoded"], "codec": "webp"}, "0")
    with pytest.raises(UserError, match=r"expected codec=.png.; found codec=.webp.") as error:
        StoreWriter(tmp_path / "s", other)
    assert "frames" not in str(error.value)  # those may be added to
    assert Store.open(tmp_path / "s").clip_ids() == ["train__1"]


def test_a_second_writer_is_refused(tmp_path):
    with StoreWriter(tmp_path / "s", INFO), pytest.raises(UserError, match="another process is writing"):
        StoreWriter(tmp_path / "s", INFO)


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(UserError, match=r"holiday\.jpg"):
        StoreWriter(tmp_path, INFO)


def wait_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let groups wait for others than the clock."""
    for name, value in (("GROUP_BYTES", 1 << 40), ("GROUP_SECONDS", 1e9), ("GROUP_COMMITS", 1e12)):
        monkeypatch.setattr(group, name, value)


@pytest.mark.parametrize("together", [False, True])
def test_a_full_disk_loses_nothing(tmp_path, monkeypatch, together):
    wait_long(monkeypatch)
    monkeypatch.setattr(group, "GROUP_BYTES", (1 << 40) * together)
    with StoreWriter(tmp_path / "s", INFO) as writer:
        for made in (clip(1), (failed(3), {})):
            writer.add(*made)
        writer.flush()

        class Full:
            def begin(self, **_):
                raise lmdb.DiskError("mdb_txn_commit: No space left on device")

        monkeypatch.setattr(writer._shards, "_open", lambda shard: Full())
        monkeypatch.setattr(writer._shards, "last", lambda waiting: 0)
        with pytest.raises(UserError, match=r"No space left.*free some space"):
            writer.add(*clip(2))
            assert together and writer.done["train__2"] == "ok"
            writer.add(*clip(3))
            writer.flush()
        monkeypatch.undo()
        assert writer.done == {"train__1": "ok", "train__3": "failed"} and writer.clips.keys() == writer.done.keys()
        writer.add(*clip(2))
        writer.add(*clip(3))
    assert Store.open(tmp_path / "s").content_hash() == fill(tmp_path / "t", [1, 2, 3]).content_hash()


def test_a_group_is_one_transaction_and_is_there_once_it_is_flushed(tmp_path, monkeypatch):
    wait_long(monkeypatch)
    writes: list[int] = []
    write = ShardWriter.write
    monkeypatch.setattr(ShardWriter, "write", lambda self, *of: (writes.append(len(of[1])), write(self, *of))[1])

    def readable() -> list[str]:
        shards.close_readers(tmp_path / "s")
        return sorted(record.clip.clip_id for _, record in tables.read_shards(tmp_path / "s"))

    with StoreWriter(tmp_path / "s", INFO) as writer:
        writer.add(*clip(1))  # the first change finds no commit before it
        assert writes == [3]
        for number in (2, 3, 4):
            writer.add(*clip(number))
        assert writes == [3] and len(writer.done) == 4
        assert writer.record("train__1") and writes == [3]
        writer.flush()
        assert writes == [3, 9]
        writer.add(*clip(5))
        assert writer.record("train__5").clip.clip_id == "train__5" and writes == [3, 9, 3]  # what is read is committed
        writer.add(*clip(6))
        writer.describe(replace(clip(6)[0].clip, subject="7"))
        writer.remove("train__2")  # at once, after what waited
        assert writes == [3, 9, 3, 3, 1, 3]
        monkeypatch.setattr(group, "GROUP_BYTES", len(clip(7)[1][crop_key("train__7", 0)]))
        writer.add(*clip(7))
        assert writes[6:] == [3]  # large enough for a commit of its own
        wait_long(monkeypatch)
        writer.add(*clip(8))
        writer.add(*clip(9))
        assert len(writes) == 7
    assert writes[7:] == [6]  # `close` commits
    assert readable() == [f"train__{number}" for number in (1, 3, 4, 5, 6, 7, 8, 9)]
    assert check_store(tmp_path / "s", rehash=True).intact


@pytest.mark.parametrize(
    ("picture", "commit", "sizes"),
    [(0.04, 0.002, [1] * 7), (0.04, 0.005, [1, 2, 2, 2]), (0.04, 0.01, [1, 3, 3]), (0.4, 9, [1, 3, 3])],
)
def test_a_group_waits_for_as_long_as_ten_commits_take(monkeypatch, picture, commit, sizes):
    """Seven pictures: where a commit takes 10 ms the next is due after 100 ms, where it takes 9 s after one."""
    now, written = [0.0], []

    class Shards:
        def write(self, shard: int, values: dict) -> None:
            now[0] += commit
            written.append(len(values))

    monkeypatch.setattr(group.time, "monotonic", lambda: now[0])
    waiting = group.Group(Shards())
    for number in range(7):
        now[0] += picture
        waiting.add(0, f"clip{number}", {b"%d" % number: b"x"})
    waiting.flush()
    assert written == sizes


def test_an_interrupted_writer_commits_what_waits(tmp_path):
    with pytest.raises(KeyboardInterrupt), StoreWriter(tmp_path / "s", INFO) as writer:
        for number in (1, 2, 3):
            writer.add(*clip(number))
        raise KeyboardInterrupt
    assert Store.open(tmp_path / "s").clip_ids() == ["train__1", "train__2", "train__3"]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format": 99, "dataset": "x", "config": {}}', '{"dataset": 3}'])
def test_a_damaged_store_json_is_one_line(tmp_path, text):
    (tmp_path / "store.json").write_text(text)
    with pytest.raises(UserError) as error:
        Store.open(tmp_path)
    assert "\n" not in str(error.value)


def test_a_foreign_shard_and_a_foreign_record_are_refused(tmp_path):
    store = fill(tmp_path / "s", [1])
    shards.close_readers(tmp_path / "s")
    path = shards.shard_paths(tmp_path / "s")[0]
    with lmdb.open(str(path), subdir=False, map_size=1 << 20) as env, env.begin(write=True) as transaction:
        transaction.put(b"clip/train__1", b"\x80\x04K\x01.")  # a pickle, not JSON
    with pytest.raises(UserError, match="damaged or foreign"):
        store.record("train__1")
    shards.close_readers(tmp_path / "s")
    path.write_bytes(b"not lmdb" * 1000)
    with pytest.raises(UserError, match="LMDB"):
        Store.open(tmp_path / "s").record("train__1")


def test_missing_clips_and_crops_are_named(tmp_path):
    store = fill(tmp_path / "s", [1])
    with pytest.raises(UserError, match="train__9"):
        store.record("train__9")
    with pytest.raises(UserError, match="crop/train__1/000007/rgb"):
        store.crop("train__1", 7)


def _read(folder) -> int:
    return int(Store.open(folder).crop("train__1", 0).sum())


def test_reading_is_safe_across_forks_and_threads(tmp_path):
    store = fill(tmp_path / "s", range(8))
    expected = _read(tmp_path / "s")
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(_read, [tmp_path / "s"] * 4) == [expected] * 4
    with ThreadPoolExecutor(4) as threads:
        crops = list(threads.map(lambda i: store.crop(f"train__{i % 8}", i % 2), range(200)))
    assert all(np.array_equal(crop, picture(100 * (i % 8) + i % 2)) for i, crop in enumerate(crops))


def test_keys_are_plain_text_and_ids_sort_naturally():
    assert crop_key("train__2", 7) == "crop/train__2/000007/rgb"
    assert CROP_KEY.match("crop/train__2/000007/rgb") and not CROP_KEY.match("crop/../2/000007/rgb")
    assert sorted(["a10", "a9", "b1", "a"], key=natural) == ["a", "a9", "a10", "b1"]


def test_other_settings_are_told_one_by_one_also_those_inside_a_group(tmp_path):
    detector = {"min_score": 0.5, "thresholds": [0.6, 0.7, 0.7], "pyramid": {"factor": 0.709, "smallest": 20}}
    made = StoreInfo("msu-mfsd", {"context": 2.0, "detector_settings": detector, "frames": ["all"]}, "1")
    other = {**detector, "pyramid": {"factor": 0.709, "smallest": 40}}
    wanted = StoreInfo("msu-mfsd", {"context": 3.0, "detector_settings": other, "frames": ["first(1)"]}, "1")
    with pytest.raises(UserError) as refused:
        made.require_same(wanted, tmp_path)
    assert "expected context=2.0, detector_settings.pyramid.smallest=20; found context=3.0" in str(refused.value)
    assert "found context=3.0, detector_settings.pyramid.smallest=40;" in str(refused.value)
