"""`fasdata store check`: it finds what is wrong, says what to do, and repairs what can be repaired."""

from __future__ import annotations

import shutil
from dataclasses import replace

import lmdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fasdata.errors import EXIT_PARTIAL
from fasdata.five_points import ARCFACE_112
from fasdata.store import shards, tables, writer_lock
from fasdata.store.check import check_store
from fasdata.store.hashes import content_hash
from fasdata.store.info import StoreInfo
from fasdata.store.reader import Store
from fasdata.store.record_bytes import to_bytes
from fasdata.store.repair import repair
from fasdata.store.writer import StoreWriter
from tests.commands import Called
from tests.fasdata.store.making import INFO, clip, failed, fill


def tamper(folder, changes: dict[bytes, bytes | None], shard: int = 0) -> None:
    """Change entries of a shard behind the store's back."""
    shards.close_readers(folder)
    path = shards.shard_path(folder, shard)
    with lmdb.open(str(path), subdir=False, map_size=1 << 24) as env, env.begin(write=True) as transaction:
        for key, value in changes.items():
            if value is None:
                assert transaction.delete(key)
            else:
                transaction.put(key, value)


@pytest.fixture
def store(tmp_path):
    fill(tmp_path / "lib" / "demo-set", [1, 2, 3])
    with StoreWriter(tmp_path / "lib" / "demo-set", INFO) as writer:
        writer.add(failed(4), {})
    return Store.open(tmp_path / "lib" / "demo-set")


def crop(number: int, frame: int = 0) -> bytes:
    return f"crop/train__{number}/{frame:06d}/rgb".encode()


def test_a_sound_store_says_so(store):
    for options in ((), ("--rehash",)):
        done = Called("fasdata", "store", "check", store.folder, *options)
        assert done.code == 0 and done.out.rstrip().endswith("no problem found")
        assert "4 clips, 6 crops" in done.out and store.content_hash() in done.out


def altered(number: int) -> bytes:
    """A record changed with care: its own hash fits it."""
    record = replace(clip(number)[0], reason="nothing", pixel_hash="0" * 64)
    return to_bytes(replace(record, content_hash=content_hash(record)))


def relabelled(store, number: int) -> bytes:
    record = store.record(f"train__{number}")
    return to_bytes(replace(record, clip=replace(record.clip, label="bonafide", attack_type="bonafide")))


DAMAGE = {
    "a crop of a record is missing": (lambda store: {crop(2): None}, False),
    "a crop belongs to no record": (lambda store: {crop(2, 9): clip(1)[1][crop(1).decode()]}, False),
    "a crop is no image": (lambda store: {crop(2): b"\x80\x04K\x01."}, False),
    "a clip record is damaged or foreign": (lambda store: {b"clip/train__2": b"{}"}, False),
    "an entry is not one of a store": (lambda store: {b"clutter": b"x"}, False),
    "the pixels of a clip are not those that were written": (
        lambda store: {crop(2): clip(1)[1][crop(1).decode()]},
        True,
    ),
    "the record of a clip is not the one that was written": (
        lambda store: {b"clip/train__2": relabelled(store, 2)},
        True,
    ),
    "a clip is of another dataset": (
        lambda store: {b"clip/train__2": to_bytes(replace(clip(2)[0], clip=replace(clip(2)[0].clip, dataset="x")))},
        False,
    ),
    "a selected frame is not on record": (
        lambda store: {b"clip/train__2": to_bytes(replace(clip(2)[0], selections={"first(2)@decoded": (0, 3)}))},
        False,
    ),
    "a clip's status does not agree with its crops": (
        lambda store: {b"clip/train__2": to_bytes(replace(clip(2)[0], status="fta"))},
        False,
    ),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_found_named_and_repaired(store, what):
    make, only_rehashed = DAMAGE[what]
    before = store.content_hash()
    tamper(store.folder, make(store))
    if only_rehashed:
        assert what not in check_store(store.folder).problems
    report = check_store(store.folder, rehash=True)
    assert what in report.problems, report.problems
    done = Called("fasdata", "store", "check", "demo-set", "--data", store.folder.parent, "--rehash", "--repair")
    assert what in done.out and "repaired: took" in done.out
    assert done.code == EXIT_PARTIAL  # the clip has to be made anew, or at least nobody has looked since
    after = check_store(store.folder, rehash=True)
    assert set(after.problems) == {"the last run that wrote to the store did not finish"}
    missing = [number for number in (1, 2, 3) if f"train__{number}" not in Store.open(store.folder).clip_ids()]
    assert missing in ([2], [])
    fill(store.folder, missing)
    assert check_store(store.folder, rehash=True).intact
    assert Store.open(store.folder).content_hash() == before


def test_keys_that_are_no_text_are_taken_out(store):
    shards.close_readers(store.folder)
    path, before = shards.shard_path(store.folder, 0), store.content_hash()
    for key, number in ((b"clip/train__4", 4), (b"crop/train__3", 3)):  # the last of their kind, so that order is kept
        path.write_bytes(path.read_bytes().replace(key, key.replace(b"train", b"trai\xff")))
        report = check_store(store.folder)
        assert not report.damaged and report.lost == {f"train__{number}"}
        repair(report)
        with StoreWriter(store.folder, INFO) as writer:
            writer.add(*(clip(3) if number == 3 else (failed(4), {})))
        assert check_store(store.folder, rehash=True).intact and Store.open(store.folder).content_hash() == before
        shards.close_readers(store.folder)


@pytest.mark.parametrize("name", [*tables.DERIVED, tables.FRAMES])
@pytest.mark.parametrize("how", ["gone", "cut", "text", "edited"])
def test_derived_tables_are_compared_and_rebuilt(store, name, how):
    path, whole = store.folder / name, (store.folder / name).read_bytes()
    match how:
        case "gone":
            path.unlink()
        case "cut":
            path.write_bytes(whole[: len(whole) * 2 // 3])
        case "text":
            path.write_text("clip_id,relpath\n1,2\n")
        case "edited" if name == tables.FAILURES:
            path.write_text(path.read_text().replace("attack", "bonafide"))
        case "edited":
            table = pq.read_table(path)
            ids = pa.array([*table["clip_id"].to_pylist()[:-1], "train__9"])
            pq.write_table(table.set_column(table.column_names.index("clip_id"), "clip_id", ids), path)
    report = check_store(store.folder)
    assert len(report.problems) == 1 or (name == tables.FRAMES and how == "gone")  # which earlier stores do not have
    assert repair(report) == [f"rebuilt {', '.join(tables.DERIVED)}"]
    assert path.read_bytes() == whole and check_store(store.folder, rehash=True).intact


def test_the_index_tells_whose_five_points_fit_no_face(tmp_path):
    record, crops = clip(1)
    fits = tuple((x / 5, y / 5) for x, y in ARCFACE_112.tolist())
    points = (fits, (*fits[:4], (fits[4][0], fits[4][1] + 40)), fits[:2], None)
    frames = tuple(replace(record.frames[0], index=i, landmarks=places) for i, places in enumerate(points))
    frames = (*frames[:2], *(replace(frame, crop=None) for frame in frames[2:]))
    with StoreWriter(tmp_path / "s", INFO) as writer:
        writer.add(replace(record, frames=frames), crops)
    index = pd.read_parquet(tmp_path / "s" / tables.INDEX)
    assert index["misfit"].dtype == bool and index["misfit"].tolist() == [False, True, False, False]


def test_an_index_of_the_first_version_is_told_and_repaired_and_the_content_is_the_same(store):
    path, before = store.folder / tables.INDEX, store.content_hash()
    whole = path.read_bytes()
    pd.read_parquet(path).drop(columns="misfit").to_parquet(path, index=False)
    assert Store.open(store.folder).content_hash() == before
    done = Called("fasdata", "store", "check", store.folder)
    assert done.code == EXIT_PARTIAL and "index.parquet is of an earlier version: it has no misfit" in done.out
    assert "store check --repair" in done.out
    assert Called("fasdata", "store", "check", store.folder, "--repair").code == 0
    assert path.read_bytes() == whole and check_store(store.folder, rehash=True).intact
    assert Store.open(store.folder).content_hash() == before


def test_a_clip_in_two_shards_is_one_too_many(tmp_path):
    folder = tmp_path / "s"
    fill(folder, [1, 2], shard_bytes=1)
    before = Store.open(folder).content_hash()
    other = {b"clip/train__1": to_bytes(Store.open(folder).record("train__1"))}
    tamper(folder, {**other, **{key.encode(): data for key, data in clip(1)[1].items()}}, shard=1)
    report = check_store(folder)
    assert "a clip is in two shards" in report.problems
    repair(report)
    fill(folder, [])
    assert check_store(folder, rehash=True).intact and Store.open(folder).content_hash() == before


def test_a_shard_that_cannot_be_read_is_set_aside(tmp_path):
    folder = tmp_path / "s"
    before = fill(folder, [1, 2, 3], shard_bytes=1).content_hash()
    shards.close_readers(folder)
    shards.shard_path(folder, 1).write_bytes(b"nothing of ours" * 999)
    report = check_store(folder)
    assert report.clips == 2 and "a shard is damaged or foreign" in report.problems
    assert any("set aside 00001.lmdb" in line for line in repair(report))
    assert (folder / "shards" / "00001.lmdb.damaged").exists()
    fill(folder, [2])
    assert check_store(folder, rehash=True).intact and Store.open(folder).content_hash() == before


def test_repair_does_not_pass_an_interrupted_store_off_as_a_whole_one(tmp_path):
    writer = StoreWriter(tmp_path / "s", INFO)
    writer.add(*clip(1))
    writer.close(finish=False)
    repair(check_store(tmp_path / "s"))
    assert tables.present(tmp_path / "s") and writer_lock.interrupted(tmp_path / "s") is not None
    assert not check_store(tmp_path / "s").intact
    fill(tmp_path / "s", [2])
    assert check_store(tmp_path / "s").intact


def test_the_argument_is_a_dataset_or_a_folder_and_nothing_else(store, tmp_path):
    library = store.folder.parent
    assert Called("fasdata", "store", "check", "DEMO-SET", "--data", library).code == 0
    assert "no store of casia-fasd" in Called("fasdata", "store", "check", "CASIA-FASD", "--data", library).line
    assert "CASIA-FASD" in Called("fasdata", "store", "check", "CASIA-FSD", "--data", library).line
    shutil.copytree(store.folder, tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "store.json").write_text("{")
    assert "store.json is damaged" in Called("fasdata", "store", "check", tmp_path / "elsewhere").line
    assert "Example: fasdata store check" in Called("fasdata", "store", "check", "--help").out


def test_failures_are_listed_for_machines(store):
    with StoreWriter(store.folder, INFO) as writer:
        faceless = replace(
            clip(5)[0], status="fta", reason='no "face", at all', frames=(), selections={"first(2)@decoded": ()}
        )
        writer.add(faceless, {})
    listed = pd.read_csv(store.folder / tables.FAILURES)
    assert list(listed.columns) == tables.FAILURE_COLUMNS
    assert listed.values.tolist() == [
        ["train__4", "train/4.avi", "attack", "print", "failed", "the file is empty"],
        ["train__5", "train/5.avi", "attack", "print", "fta", 'no "face", at all'],
    ]
    info = StoreInfo.read(store.folder)
    assert info.rules == ("first(2)@decoded",)
