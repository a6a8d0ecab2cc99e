"""Judging the machine, the place of the library, and its stores."""

import json
import resource

import pytest

from fasdata.doctor import machine
from fasdata.doctor.storage import address_space, disk, filesystem, filesystem_type, library, lmdb_works, open_files
from fasdata.faces.detectors import DETECTORS
from fasdata.library import Library
from fasdata.store import shards, tables, writer_lock
from fasdata.store.glance import glance
from fasdata.store.info import StoreInfo
from fasdata.store.writer import StoreWriter
from tests.fasdata.store.making import INFO, clip, fill

GB = 10**9
MOUNTS = [
    "22 1 259:1 / / rw,relatime shared:1 - ext4 /dev/root rw",
    "30 22 0:30 / /mnt/data rw,relatime - nfs4 server:/x rw",
    "31 30 0:31 / /mnt/data/fast rw,relatime shared:2 master:1 - xfs /dev/sdb rw",
    r"32 22 0:32 / /mnt/two\040words rw - cifs //server/x rw",
    "33 22 0:33 / /dev/shm rw - tmpfs tmpfs rw",
]


@pytest.mark.parametrize(
    ("path", "kind", "state"),
    [
        ("/home/me/data", "ext4", "ok"),
        ("/mnt/data/lib", "nfs4", "note"),
        ("/mnt/data/fast/lib", "xfs", "ok"),
        ("/mnt/database", "ext4", "ok"),
        ("/mnt/two words/lib", "cifs", "note"),
        ("/dev/shm/lib", "tmpfs", "note"),
    ],
)
def test_the_file_system_is_that_of_the_innermost_mount(path, kind, state, tmp_path):
    fs_type = filesystem_type(type(tmp_path)(path), MOUNTS)
    assert fs_type == kind
    assert filesystem("library", fs_type).state == state


def test_a_later_mount_on_the_same_folder_hides_the_earlier(tmp_path):
    over = [*MOUNTS, "40 30 0:40 / /mnt/data rw - tmpfs tmpfs rw"]
    assert filesystem_type(type(tmp_path)("/mnt/data/lib"), over) == "tmpfs"
    assert filesystem_type(type(tmp_path)("/x"), []) == ""
    assert filesystem("library", "").state == "ok"


def test_limits_are_judged_against_the_library():
    assert [disk(free).state for free in (GB // 2, 5 * GB, 500 * GB)] == ["problem", "note", "ok"]
    assert open_files(1000, 1024).state == "problem"
    assert open_files(200, 1024).state == "note"
    assert open_files(10, 1024).state == "ok"
    assert open_files(10**6, resource.RLIM_INFINITY).state == "ok"
    assert open_files(1000, 1024).do == "ulimit -n 9024"
    assert address_space(100 * GB, 50 * GB).state == "problem"
    assert address_space(GB, 50 * GB).state == "ok"
    assert address_space(10**15, resource.RLIM_INFINITY).state == "ok"


def test_lmdb_is_tried_and_leaves_nothing_behind(tmp_path):
    assert lmdb_works(tmp_path).found.endswith("wrote and read back")
    assert list(tmp_path.iterdir()) == []


def test_lmdb_that_cannot_write_is_a_problem(tmp_path, monkeypatch):
    import lmdb

    def refuse(*args, **options):
        raise lmdb.Error("mmap: Cannot allocate memory")

    monkeypatch.setattr(lmdb, "open", refuse)
    check = lmdb_works(tmp_path)
    assert check.state == "problem"
    assert "Cannot allocate memory" in check.found


def test_cores_that_a_container_does_not_grant(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda process: set(range(16)))
    assert machine.cores().state == "ok"
    (tmp_path / "cpu.max").write_text("400000 100000\n")
    check = machine.cores()
    assert (check.state, check.do.split(":")[0]) == ("note", "give --workers 4")
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert machine.cores().state == "ok"


def test_memory_is_what_the_container_leaves(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    whole = machine.memory_available()
    (tmp_path / "memory.max").write_text(f"{3 << 30}\n")
    (tmp_path / "memory.current").write_text(f"{1 << 30}\n")
    assert machine.memory_available() == min(whole, 2 << 30)
    assert (machine.memory(2 << 30).state, machine.memory(8 << 30).state) == ("note", "ok")


def test_little_shared_memory_is_told():
    check = machine.space("shared memory", "/dev/shm", 64 << 20, 1 << 30, "batches pass there")
    assert (check.state, check.do) == ("note", "give the container more (--shm-size)")


@pytest.fixture
def stores(tmp_path):
    """A library with a finished store, an unfinished one, one of other weights and one that is damaged."""
    config = {"detector": "mtcnn", "detector_weights_sha256": DETECTORS["mtcnn"].bundled.fingerprint()}
    for slug, changes in {"whole": {}, "begun": {}, "other": {"detector_weights_sha256": "ab" * 32}}.items():
        with StoreWriter(tmp_path / slug, StoreInfo(slug, config | changes, "0.1.0")) as writer:
            writer.add(*clip(1))
    tables.remove(tmp_path / "begun")
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "store.json").write_text("{")
    return tmp_path


def test_every_store_is_looked_at(stores):
    checks = {check.name: check for check in library(Library(stores))}
    states = {slug: checks[slug].state for slug in ("whole", "begun", "other", "torn")}
    assert states == {"whole": "ok", "begun": "note", "other": "note", "torn": "problem"}
    assert "not finished" in checks["begun"].found
    assert "other weights" in checks["other"].found
    assert DETECTORS["mtcnn"].bundled.fingerprint() in checks["whole"].found


def test_a_library_that_is_not_there_yet_is_no_problem_but_a_file_is(tmp_path, monkeypatch):
    monkeypatch.delenv("FASDATA_DATA", raising=False)
    checks = {check.name: check for check in library(Library(tmp_path / "new" / "data"))}
    assert (checks["folder"].state, checks["lmdb"].state) == ("note", "ok")
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").touch()
    assert {check.name: check.state for check in library(Library(tmp_path / "file"))}["folder"] == "problem"


def test_the_environment_variable_is_looked_at(tmp_path, monkeypatch):
    monkeypatch.setenv("FASDATA_DATA", str(tmp_path / "gone"))
    checks = {check.name: check for check in library(Library.locate())}
    assert (checks["FASDATA_DATA"].state, checks["folder"].state) == ("note", "note")
    assert json.dumps(checks["FASDATA_DATA"].found)


def state_of(folder):
    shards.close_readers(folder)
    (check,) = [check for check in library(Library(folder.parent)) if check.name == folder.name]
    return check


def test_a_damaged_store_is_a_problem_and_what_was_not_looked_at_is_said(tmp_path):
    folder = tmp_path / "lib" / "demo-set"
    with StoreWriter(folder, INFO) as writer:
        for number in range(1, 9):
            writer.add(*clip(number, side=48))
    check = state_of(folder)
    assert check.state == "ok" and "not the bytes of 8 clips and 16 crops: store check --rehash" in check.found
    path = shards.shard_path(folder, 0)
    whole = path.read_bytes()
    header = whole.index(clip(3, side=48)[1]["crop/train__3/000000/rgb"]) - 16
    damages = {
        "the file is cut off": whole[: len(whole) // 2],
        "do not hold the same clips": b"",
        "out of order": whole.replace(b"train__5", b"train__E"),
        "not the first of a value": whole[:header] + b"\0" * 16 + whole[header + 16 :],
    }
    for words, data in damages.items():
        path.write_bytes(data)
        check = state_of(folder)
        assert (check.state, check.do) == ("problem", f"fasdata store check {folder} --rehash --repair")
        assert words in check.found
        path.write_bytes(whole)
    (folder / tables.INDEX).write_bytes(b"PAR1")
    assert "index.parquet" in state_of(folder).found
    (folder / tables.INDEX).unlink()
    assert "index.parquet is missing" in state_of(folder).found


def test_long_values_that_there_was_no_time_for_are_counted(tmp_path):
    with StoreWriter(tmp_path / "demo-set", INFO) as writer:
        writer.add(*clip(1, side=48))
    assert "(headers of 0 of 2 long values)" in glance(tmp_path / "demo-set", 0)


def test_what_was_not_finished_is_named(tmp_path):
    folder = tmp_path / "demo-set"
    fill(folder, [1, 2])
    Library(tmp_path).journal("forget", "demo-set").write_text("{}")
    check = state_of(folder)
    assert check.state == "note" and "'fasdata forget' on demo-set" in check.found and "--repair" in check.do
    Library(tmp_path).journal("forget", "demo-set").unlink()
    writer_lock.mark_unfinished(folder, lost=["train__7"])
    assert "a repair took out train__7" in state_of(folder).found
