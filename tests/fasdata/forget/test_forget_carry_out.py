"""`fasdata forget`: a person is out of stores, manifests and packs, to the last byte, however often it is killed."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from fasdata.errors import UserError
from fasdata.forget import carry_out
from fasdata.library import Library
from fasdata.lock.lock import lock_of_library, lock_path
from fasdata.manifest import Manifest
from fasdata.manifest.meta import Meta
from fasdata.protocols.describe import describe
from fasdata.records import Clip, ClipRecord, CropRecord, FrameRecord
from fasdata.store import shards
from fasdata.store.info import StoreInfo
from fasdata.store.keys import crop_key
from fasdata.store.reader import Store
from fasdata.store.shard_writer import ShardWriter
from fasdata.store.writer import StoreWriter
from tests.commands import Called, refused, start
from tests.fastrain.world import CANONICAL, RECIPE, row, rows_of, write_library, write_manifest

DATASET, WHO = "casia-fasd", "s3"
CLIPS = ("s3__attack", "s3__bonafide")


class Killed(BaseException):
    """Stands for a process that dies."""


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Four stores of five people each, a protocol over them and a pack; not to be changed."""
    library = write_library(tmp_path_factory.mktemp("library"))
    command = ("pack", "--protocol", "CIO-M", "--view", "box", "--size", 16, "--data", library.root)
    assert Called("fasdata", *command).code == 0
    return library


@pytest.fixture
def library(original: Library, tmp_path: Path) -> Library:
    """A copy to change."""
    shutil.copytree(original.root, tmp_path / "library")
    return Library(tmp_path / "library")


@pytest.fixture
def runs(original: Library, tmp_path: Path) -> Path:
    """Three run folders: one on the whole protocol, one on another, one that only has scores."""
    fingerprint = manifest_of(original).meta["fingerprint"]
    for name, said in {"whole": fingerprint, "other": "0" * 64, "scores": "1" * 64}.items():
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "run.json").write_text(json.dumps({"manifest_fingerprint": said}))
    with (tmp_path / "runs" / "scores" / "scores.csv").open("w", newline="") as file:
        rows = [r for r in rows_of(original) if r["part"] == "val"]
        writer = csv.DictWriter(file, ["dataset", "clip_id", "subject"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return tmp_path / "runs"


def manifest_of(library: Library) -> Manifest:
    return Manifest.read(library.protocol_dir(CANONICAL, RECIPE))


def forget(library: Library, who: str = WHO, *options: object) -> Called:
    return Called("fasdata", "forget", DATASET, who, "--data", library.root, *options)


def files(folder: Path) -> dict[str, str]:
    """Every file below a folder with its hash; LMDB's lock files change by being read."""
    found = {path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(("-lock", ".lock"))}
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(found)}


def crops_of(library: Library, who: str = WHO) -> list[bytes]:
    """The stored bytes of a person's crops."""
    found = []
    for path in shards.shard_paths(library.store_dir(DATASET)):
        with shards.reading(path) as transaction, transaction.cursor() as cursor:
            found += [bytes(value) for key, value in cursor if bytes(key).startswith(f"crop/{who}__".encode())]
    shards.close_readers(library.store_dir(DATASET))
    return found


def without(library: Library, folder: Path) -> str:
    """The content hash of a store that never held the person."""
    store = Store.open(library.store_dir(DATASET))
    with StoreWriter(folder, store.info) as writer:
        for record in store.records():
            if record.clip.subject != WHO:
                keys = [crop_key(record.clip.clip_id, frame.index) for frame in record.frames]
                writer.add(record, {key: store._get(record.clip.clip_id, key.encode()) for key in keys})
    return Store.open(folder).content_hash()


def test_nothing_of_the_person_is_left_and_all_else_is_as_it_was(library: Library, tmp_path: Path) -> None:
    gone, wanted = crops_of(library), without(library, tmp_path / "never")
    before = {record.clip.clip_id: record for record in Store.open(library.store_dir(DATASET)).records()}
    others = {name: digest for name, digest in files(library.root).items() if name.startswith("oulu-npu")}
    assert len(gone) == 4
    done = forget(library, WHO, "--runs", tmp_path)
    assert done.code == 0, done.out
    store = Store.open(library.store_dir(DATASET))
    assert store.content_hash() == wanted
    assert {r.clip.clip_id: r for r in store.records()} == {k: v for k, v in before.items() if k not in CLIPS}
    assert Called("fasdata", "store", "check", DATASET, "--rehash", "--data", library.root).code == 0
    assert {name: digest for name, digest in files(library.root).items() if name.startswith("oulu-npu")} == others
    for path in library.root.rglob("*"):
        if path.is_file() and not path.is_relative_to(library.store_dir("oulu-npu")):
            data = path.read_bytes()
            assert not any(crop[len(crop) // 3 :][:40] in data for crop in gone), path
            if path.is_relative_to(library.store_dir(DATASET)):
                assert not any(clip.encode() in data for clip in CLIPS), path
    assert not library.journal("forget", DATASET).exists()
    assert "2 clips removed with all their crops" in done.out and "proof: no key, record or piece" in done.out
    assert "not touched: the raw dataset" in done.out


def test_the_manifest_fits_what_is_left(library: Library) -> None:
    old = manifest_of(library)
    assert forget(library).code == 0
    new = manifest_of(library)
    left = [r for r in old.table.to_pylist() if (r["dataset"], r["subject"]) != (DATASET, WHO)]
    assert new.table.to_pylist() == left and new.table.num_rows == old.table.num_rows - 4
    changed = {key for key in new.meta if new.meta[key] != old.meta.get(key)}
    assert changed == {"counts", "fingerprint", "forgotten", "stores"}
    cells = {(one["part"], one["dataset"], one["label"]): one for one in new.meta["counts"]}
    assert (
        cells["val", DATASET, "attack"] | {"clips": 2, "frames": 4, "subjects": 2, "fta": 0}
        == cells["val", DATASET, "attack"]
    )
    assert cells["train", DATASET, "attack"]["clips"] == 2 and cells["val", "oulu-npu", "attack"]["clips"] == 3
    assert new.meta["forgotten"] == [
        {"dataset": DATASET, "clips": 2, "frames": 4, "parts": ["val"], "fingerprint": old.meta["fingerprint"]}
    ]
    assert set(new.open_stores(library)) == set(library.stores())  # it is of the stores as they are now
    full = Meta.model_validate({**new.meta, "recipe": {"name": RECIPE, "title": "a test"}}).model_dump(mode="json")
    assert f"forgotten   2 clips (4 frames) of {DATASET}" in describe(Manifest(new.table, full))


def test_a_description_no_longer_names_what_went(library: Library) -> None:
    rows = [*rows_of(library)]
    path = write_manifest(library, rows)
    manifest = Manifest.read(path)
    loss = {"part": "val", "dataset": DATASET, "label": "attack", "reason": "fta: x", "clips": 2, "frames": 0}
    meta = {
        **manifest.meta,
        "drops": [{**loss, "examples": ["s3__attack", "s33__attack"]}],
        "warnings": [f"{DATASET}/s3 and s3__attack, s3__attack2 differ"],
        "validation": {
            **manifest.meta["validation"],
            "datasets": [
                {"dataset": DATASET, "rule": "subjects", "subjects": ["s2", "s3"], "of": 5, "why": ""},
                {"dataset": "oulu-npu", "rule": "subjects", "subjects": ["s3"], "of": 5, "why": ""},
            ],
        },
    }
    Manifest(manifest.table, meta).write(path.parent)
    assert forget(library).code == 0
    new = manifest_of(library).meta
    assert new["drops"][0]["examples"] == ["s33__attack"] and new["drops"][0]["clips"] == 2
    assert new["warnings"] == ["(forgotten) and (forgotten), s3__attack2 differ"]
    assert [(one["subjects"], one["of"]) for one in new["validation"]["datasets"]] == [(["s2"], 4), (["s3"], 5)]


def test_failures_to_acquire_are_counted_anew(library: Library) -> None:
    rows = [*rows_of(library), row("msu-mfsd", -1, "test", "s3__lost", "s3", "bonafide", -1)]
    manifest = Manifest.read(write_manifest(library, rows))
    loss = {"part": "test", "dataset": "msu-mfsd", "label": "bonafide", "frames": 0}
    meta = {
        **manifest.meta,
        "fta": [
            {**loss, "reason": "failed: x", "clips": 1, "examples": ["a"]},
            {**loss, "reason": "fta: y", "clips": 3, "examples": ["b", "s3__lost"]},
        ],
    }
    Manifest(manifest.table, meta).write(library.protocol_dir(CANONICAL, RECIPE))
    assert Called("fasdata", "forget", "MSU-MFSD", WHO, "--data", library.root).code == 0
    new = manifest_of(library).meta
    assert [(one["clips"], one["examples"]) for one in new["fta"]] == [(1, ["a"]), (2, ["b"])]
    assert [one["fta"] for one in new["counts"] if (one["part"], one["label"]) == ("test", "bonafide")] == [0]


def test_a_manifest_that_cannot_stand_without_the_person_is_removed(library: Library) -> None:
    kept = [r for r in rows_of(library) if r["part"] != "val" or r["dataset"] == DATASET]
    write_manifest(library, [r for r in kept if r["part"] != "val" or r["subject"] == WHO or r["label"] == "attack"])
    told = forget(library).out
    assert "part val" in told and "build it again" in told
    assert not list(library.protocol_dir(CANONICAL, RECIPE).iterdir())


def test_packs_of_the_dataset_go_and_the_lock_is_spoken_of(library: Library) -> None:
    lock_of_library(library).write(lock_path(library))
    (pack,) = (library.root / "packs").rglob("pack.json")
    (library.root / "notes.csv").write_text("clip\ns3__attack\n")
    (library.root / "report.html").write_text("<html>")
    told = forget(library).out
    assert not pack.parent.exists() and f"pack {pack.parent}: removed" in told
    assert "write it again with 'fasdata lock'" in told
    assert f"note: {library.root / 'notes.csv'} still names" in told
    assert f"note: {library.root / 'report.html'} was made before and may show" in told
    assert Called("fasdata", "lock", "--check", "--data", library.root).code == 3


def test_runs_that_used_the_person_are_listed_also_after_another_was_forgotten(library: Library, runs: Path) -> None:
    told = forget(library, WHO, "--runs", runs).out
    assert f"  {runs / 'whole'}: part val of its data; its report.html" in told
    assert f"  {runs / 'scores'}: its data are unknown; 4 rows of its scores.csv" in told
    assert str(runs / "other") not in told
    told = forget(library, "s0", "--runs", runs, "--dry-run").out  # the manifest has another fingerprint by now
    assert f"  {runs / 'whole'}: part train of its data" in told and str(runs / "scores") not in told
    assert "no folder" in forget(library, "s0", "--runs", runs / "nowhere").line


def test_a_dry_run_says_it_all_and_changes_nothing(library: Library, runs: Path) -> None:
    before = files(library.root)
    done = forget(library, WHO, "--dry-run", "--runs", runs)
    assert done.code == 0
    assert "person 's3': 2 clips" in done.out and "s3__attack" in done.out and "4 rows (val)" in done.out
    assert "deleted as a whole" in done.out and "removed" not in done.out
    assert files(library.root) == before


def test_an_unknown_person_is_told_with_the_nearest_and_nothing_happens(library: Library) -> None:
    before = files(library.root)
    line = refused("fasdata", "forget", DATASET, "S3", "--data", library.root)
    assert "no data of a person 'S3' in casia-fasd" in line and "5 other people" in line and "'s3'" in line
    assert "empty name" in forget(library, "").line
    assert "CASIA-FASD" in Called("fasdata", "forget", "CASIA-FSD", WHO, "--data", library.root).line
    assert files(library.root) == before


@pytest.mark.parametrize("stage", ["manifest", "pack", "between", "compaction", "proof"])
def test_killed_anywhere_the_same_command_goes_on(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    gone, wanted = crops_of(library), without(library, tmp_path / "never")

    def dies(*_: object, **__: object) -> None:
        raise Killed

    if stage == "compaction":
        monkeypatch.setattr(ShardWriter, "compact", dies)
    else:
        name = {"manifest": "forget_rows", "pack": "_remove_pack", "between": "erase", "proof": "prove"}[stage]
        monkeypatch.setattr(carry_out, name, dies)
    with pytest.raises(Killed):
        forget(library)
    monkeypatch.undo()
    with pytest.raises(UserError, match=r"forget' on casia-fasd .* was not finished"):
        library.require_store(DATASET)
    assert f"fasdata forget {DATASET} 's3'" in forget(library, "s2").line
    assert forget(library).code == 0
    assert Store.open(library.require_store(DATASET)).content_hash() == wanted
    assert manifest_of(library).meta["stores"][DATASET] == wanted
    assert not list((library.root / "packs").rglob("*.bin"))
    data = b"".join(path.read_bytes() for path in library.store_dir(DATASET).rglob("*") if path.is_file())
    assert not any(crop[20:60] in data for crop in gone) and b"s3__" not in data


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("packs", ["../beside"]),
        ("packs", ["packs/../../beside"]),
        ("packs", ["casia-fasd"]),
        ("manifests", [{"path": "../beside/manifest.parquet", "fingerprints": [], "rows": 1, "parts": []}]),
        ("dataset", "../beside"),
    ],
)
def test_a_journal_cannot_lead_out_of_its_library(library: Library, tmp_path: Path, key: str, value: object) -> None:
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "manifest.parquet").write_bytes(b"mine")
    journal = {"dataset": DATASET, "subject": WHO, "clips": ["s3__attack"], key: value}
    library.journal("forget", DATASET).write_text(json.dumps(journal))
    before = files(tmp_path)
    assert "is damaged" in forget(library).line
    assert files(tmp_path) == before


def test_a_real_kill_is_survived(library: Library, tmp_path: Path) -> None:
    wanted = without(library, tmp_path / "never")
    for _ in range(2):
        process = start("fasdata", "forget", DATASET, WHO, "--data", library.root)
        deadline = time.monotonic() + 60
        while not library.journal("forget", DATASET).exists() and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.002)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    if library.journal("forget", DATASET).exists():  # else a kill came too late
        assert forget(library).code == 0
    assert Store.open(library.require_store(DATASET)).content_hash() == wanted
    assert manifest_of(library).meta["stores"][DATASET] == wanted


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


def test_a_picture_that_somebody_else_has_too_is_told(library: Library) -> None:
    store = Store.open(library.store_dir(DATASET))
    record = store.record("s3__attack")
    crops = {
        crop_key("twin", frame.index): store._get("s3__attack", crop_key("s3__attack", frame.index).encode())
        for frame in record.frames
    }
    twin = Clip(DATASET, "twin", {"rgb": "twin.avi"}, label="attack", attack_type="print", subject="s9")
    with StoreWriter(store.folder, store.info) as writer:
        writer.add(ClipRecord(twin, "ok", n_frames=12, frames=record.frames), crops)
    done = forget(library)
    assert done.code == 0
    assert "the same picture is stored for another person too: crop/twin/" in done.out
