"""Disks that are full, stores that cannot be written, several who want to: told in one line, and nothing is lost."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from fasdata.errors import UserError, guarded
from fasdata.library import Library
from fasdata.store import atomic, shards, tables
from fasdata.store.check import check_store
from fasdata.store.info import FILE
from fasdata.store.reader import Store
from fasdata.store.writer import StoreWriter
from tests.fasdata.store.making import INFO, WIDER, clip, fill, picture
from tests.faults.forks import fork
from tests.faults.world import FEW, MORE, extract, sound_hash, store_of, write_raw

UNFINISHED = {"the last run that wrote to the store did not finish", "a clip lacks frames of a rule of the store"}


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("disk") / "raw"
    write_raw(root)
    return root


@pytest.fixture(scope="module")
def calm(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("calm")
    extract(raw, out, f"{FEW} + {MORE}")
    return out


def in_child(task: Callable[[], None]) -> str:
    """Run a task as the command would, in a process of its own; return what it wrote on standard error."""
    read, write = os.pipe()
    child = fork()
    if child == 0:
        sys.stderr = os.fdopen(write, "w", buffering=1)
        code = 70
        try:
            guarded(task)
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(write)
    with os.fdopen(read) as pipe:
        shown = pipe.read()
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) in (0, 2), shown
    return shown


def limited(size: int, task: Callable[[], object]) -> Callable[[], None]:
    """The task in a process whose files cannot grow beyond `size` bytes: writing fails there as on a full disk."""

    def run() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        task()

    return run


@pytest.mark.parametrize("kibibytes", [0, 4, 10, 40, 200, 400, 640])
def test_a_disk_that_is_full_at_any_moment_loses_nothing(raw, calm, tmp_path, kibibytes):
    rules = f"{FEW} + {MORE}"
    shown = in_child(limited(kibibytes << 10, lambda: extract(raw, tmp_path, rules)))
    errors = [line for line in shown.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and "Traceback" not in shown, shown
    assert "same command again" in errors[0]
    if (store_of(tmp_path) / FILE).is_file():
        assert check_store(store_of(tmp_path), rehash=True).problems.keys() <= UNFINISHED
    extract(raw, tmp_path, rules)
    assert sound_hash(tmp_path) == sound_hash(calm)


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """A disk on which the n-th file to be put in its place does not fit; n is counted down in the list."""
    left = [10**9]
    real = os.fsync

    def fsync(descriptor: int) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(atomic.os, "fsync", fsync)
    yield left


def test_no_space_at_any_sync_loses_nothing(tmp_path, full):
    whole = fill(tmp_path / "whole", range(3), WIDER, frames=4).content_hash()
    steps = 0
    for step in range(1, 60):
        folder = tmp_path / str(step)
        fill(folder, range(3))
        full[0] = step
        try:
            widen(folder)
        except OSError as error:
            assert error.errno == errno.ENOSPC
            steps += 1
        else:
            break
        finally:
            full[0] = 10**9
        assert check_store(folder, rehash=True).problems.keys() <= UNFINISHED
        widen(folder)
        assert Store.open(folder).content_hash() == whole and check_store(folder, rehash=True).intact
    assert steps >= 6  # the mark, the description, and three tables each with its folder


def widen(folder: Path) -> None:
    with StoreWriter(folder, WIDER) as writer:
        for number in range(3):
            writer.extend(*clip(number, frames=4))


def test_a_second_writer_is_refused_and_the_first_goes_on(raw, tmp_path):
    extract(raw, tmp_path)
    folder = store_of(tmp_path)
    before = Store.open(folder).content_hash()
    with StoreWriter(folder, Store.open(folder).info):
        shown = in_child(lambda: extract(raw, tmp_path, MORE))
        assert shown.count("error:") == 1 and "another process is writing to the store" in shown
        assert Store.open(folder).info.rules == tuple(sorted(FEW.split(" + ")))  # not widened either
    assert sound_hash(tmp_path) == before


READ = """
import sys
from pathlib import Path
from fasdata.store.reader import Store
store = Store.open(Path(sys.argv[1]))
assert [store.crop(clip_id, 1).shape for clip_id in store.clip_ids()] == [(60, 60, 3)] * int(sys.argv[2])
"""


def test_a_reader_beside_a_writer_sees_whole_clips_only(tmp_path):
    with StoreWriter(tmp_path / "s", INFO, first_map=1 << 16) as writer:
        for number in range(12):
            writer.add(*clip(number, side=60))
            if number in (0, 11):
                writer.flush()
                arguments = [sys.executable, "-c", READ, str(tmp_path / "s"), str(number + 1)]
                subprocess.run(arguments, check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})


def test_a_map_that_grows_many_times_loses_nothing(tmp_path):
    folder = tmp_path / "s"
    for start in (0, 6):  # continued, from a map that was large already
        with StoreWriter(folder, INFO, first_map=1 << 15) as writer:
            for number in range(start, start + 6):
                writer.add(*clip(number, side=120))
    store = Store.open(folder)
    assert len(store.clip_ids()) == 12 and (folder / "shards" / "00000.lmdb").stat().st_size > 1 << 19
    assert np.array_equal(store.crop("train__0", 1), picture(1, 120))
    assert np.array_equal(store.crop("train__11", 0), picture(1100, 120))
    assert check_store(folder, rehash=True).intact


def test_a_reader_whose_map_has_become_too_small_is_told(tmp_path):
    folder = tmp_path / "s"
    fill(folder, [1], first_map=1 << 16)
    ready, go = os.pipe(), os.pipe()

    def read() -> None:
        store = Store.open(folder)
        store.record("train__1")
        os.write(ready[1], b"x")
        os.read(go[0], 1)
        store.crop("train__1", 0)

    child = fork()
    if child == 0:
        try:
            read()
        except UserError as error:
            os._exit(7 if "has grown since it was opened" in str(error) else 8)
        except BaseException:
            os._exit(9)
        os._exit(0)
    os.read(ready[0], 1)
    with StoreWriter(folder, INFO) as writer:
        for number in range(2, 40):
            writer.add(*clip(number, side=100))
    os.write(go[1], b"x")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) in (0, 7)
    for descriptor in (*ready, *go):
        os.close(descriptor)
    assert check_store(folder, rehash=True).intact


@pytest.fixture
def read_only(calm: Path) -> Iterator[Path]:
    """A library in which nobody may write; outside of pytest's own folders, into which other users cannot look."""
    top = Path(tempfile.mkdtemp(prefix="fasdata-"))
    out = Path(shutil.copytree(calm, top / "lib"))
    for path in (top, *top.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    (top / "lib" / "folder" / "shards" / "00000.lmdb-lock").unlink(missing_ok=True) if os.geteuid() == 0 else None
    yield out
    for path in (top, *top.rglob("*")):
        path.chmod(0o755)
    shutil.rmtree(top)


def as_somebody(task: Callable[[], object]) -> Callable[[], None]:
    """The task by a user whom permissions bind: root reads and writes whatever they say."""

    def run() -> None:
        if os.geteuid() == 0:
            os.setgid(65534)
            os.setuid(65534)
        task()

    return run


def test_a_read_only_store_is_read_and_not_written(raw, calm, read_only):
    folder = store_of(read_only)

    def read() -> None:
        store = Store.open(Library(read_only).require_store("folder"))
        records = list(store.records())
        stored = next(frame for frame in records[-1].frames if frame.crop)
        assert store.crop(records[-1].clip.clip_id, stored.index).ndim == 3
        assert check_store(folder, rehash=True).intact
        assert store.content_hash() == expected

    expected = Store.open(store_of(calm)).content_hash()
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert "error" not in in_child(as_somebody(read))
    shown = in_child(as_somebody(lambda: StoreWriter(folder, Store.open(folder).info)))
    assert shown.count("error:") == 1 and f"{folder} cannot be written; found Permission denied" in shown
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_what_a_killed_writer_left_in_between_is_swept(tmp_path):
    folder = tmp_path / "s"
    fill(folder, [1])
    for left in (folder / f".{tables.CLIPS}.99.tmp", folder / "shards" / ".00000.lmdb.99.tmp"):
        left.write_bytes(b"half")
    shards.shard_path(folder, 1).write_bytes(b"")  # killed when the file was new
    fill(folder, [2, 3], shard_bytes=1)
    assert not list(folder.rglob("*.tmp"))
    assert Store.open(folder).clip_ids() == ["train__1", "train__2", "train__3"]
    assert check_store(folder, rehash=True).intact
