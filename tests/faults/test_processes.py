"""The command itself, with worker processes, shot at in its parts."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from fasdata.store.check import check_store
from tests.commands import start
from tests.faults.world import FEW, extract, sound_hash, store_of, write_raw

CLIPS = 60


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("processes") / "raw"
    assert write_raw(root, takes=CLIPS // 6) == CLIPS
    return root


@pytest.fixture(scope="module")
def calm(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    out = tmp_path_factory.mktemp("calm")
    extract(raw, out)
    return sound_hash(out)


def children(pid: int) -> list[int]:
    """The processes that `pid` has started."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def workers(pid: int) -> list[int]:
    """The processes that work for the command `pid`: its server's children."""
    return [worker for server in children(pid) for worker in children(server)]


def written(out: Path) -> int:
    """The size of the shards, which tells that clips are being written."""
    return sum(path.stat().st_size for path in out.rglob("*.lmdb"))


def begun(raw: Path, out: Path) -> subprocess.Popen[str]:
    """Start the command with two workers and wait until some clips are stored."""
    options = ("--detector", "json", "--detector-model", raw / "faces.json", "--frames", FEW, "-j", 2)
    process = start("fasdata", "extract", "folder", "--root", raw, "--out", out, *options)
    deadline = time.monotonic() + 60
    while written(out) < 150_000 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    return process


def test_the_whole_group_is_killed(raw, calm, tmp_path):
    process = begun(raw, tmp_path)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert 0 < check_store(store_of(tmp_path)).clips < CLIPS
    extract(raw, tmp_path)
    assert sound_hash(tmp_path) == calm


def test_the_command_alone_is_killed_and_its_workers_notice(raw, calm, tmp_path):
    process = begun(raw, tmp_path)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    for _ in range(50):
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            break
        time.sleep(0.1)
    else:
        pytest.fail("workers outlive their parent")
    extract(raw, tmp_path, workers=2)
    assert sound_hash(tmp_path) == calm


def test_a_worker_is_killed_and_the_command_says_so(raw, calm, tmp_path):
    process = begun(raw, tmp_path)
    os.kill(workers(process.pid)[0], signal.SIGKILL)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 2 and "Traceback" not in told
    assert "error: a worker process was ended from outside" in told and "finished clips are kept" in told
    extract(raw, tmp_path)
    assert sound_hash(tmp_path) == calm
