"""SIGKILL in the middle of an extraction loses nothing and changes nothing."""

import os
import random
import signal
import time
from pathlib import Path

import lmdb
import pytest

from fasdata.store import shards, tables
from fasdata.store.reader import Store
from fasdata.synth.world import write_world
from tests.commands import ok, start


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("world")
    write_world(out, preset="mini", datasets=["casia-fasd"], seed=5, workers=1)
    return out / "CASIA-FASD"


def clips_in(store: Path) -> int:
    """Count finished clips from outside, while another process writes."""
    count = 0
    for path in shards.shard_paths(store):
        try:
            with lmdb.open(str(path), subdir=False, readonly=True, create=False) as env, env.begin() as transaction:
                cursor = transaction.cursor()
                found = cursor.set_range(b"clip/")
                while found and cursor.key().startswith(b"clip/"):
                    count += 1
                    found = cursor.next()
        except lmdb.Error:
            continue  # not yet a whole file
    return count


def kill_after(process, store: Path, clips: int) -> None:
    deadline = time.monotonic() + 120
    while clips_in(store) < clips and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(random.random() * 0.3)
    os.kill(process.pid, signal.SIGKILL)  # the parent alone: its workers have to notice
    process.communicate()


def test_killed_and_continued_equals_undisturbed(raw, tmp_path):
    ok("fasdata", "extract", "CASIA-FASD", "--root", raw, "--out", tmp_path / "calm", "-j", 1)
    calm = Store.open(tmp_path / "calm" / "casia-fasd")
    command = ("extract", "CASIA-FASD", "--root", raw, "--out", tmp_path / "shot", "-j", 2)
    store = tmp_path / "shot" / "casia-fasd"
    killed_at = []
    for wanted in (1, 5):
        process = start("fasdata", *command)
        kill_after(process, store, wanted)
        assert process.returncode == -signal.SIGKILL
        killed_at.append(clips_in(store))
        assert not (store / tables.CLIPS).exists()
    assert 1 <= killed_at[0] <= killed_at[1] < len(calm.clip_ids())
    told = ok("fasdata", *command)
    assert f"{killed_at[1]} from an earlier run" in told
    shot = Store.open(store)
    assert shot.content_hash() == calm.content_hash()
    assert list(shot.records()) == list(calm.records())
    assert not process_group_alive(process.pid)


def process_group_alive(group: int) -> bool:
    """Whether any worker of a killed parent is still there; they get two seconds to notice."""
    for _ in range(20):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return False
        time.sleep(0.1)
    return True
