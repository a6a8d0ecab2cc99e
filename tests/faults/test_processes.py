"""The command itself, with worker processes, shot at in its parts."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fasdata.errors import EXIT_PARTIAL
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


def shot(raw: Path, tmp_path: Path, shoot: Callable[[int], None]) -> tuple[Path, int, int, str]:
    """Start the command with two workers, shoot once clips are stored; return library, process, exit code and words.

    On a busy machine the run may have ended before the shot: then there is another one.
    """
    for attempt in range(8):
        out = tmp_path / str(attempt)
        pid, code, messages = shoot_at(raw, out, shoot)
        if code != EXIT_PARTIAL:  # the code of a run that ended: some clips cannot be decoded
            return out, pid, code, messages
    raise AssertionError("no shot was quick enough")


def shoot_at(raw: Path, out: Path, shoot: Callable[[int], None]) -> tuple[int, int, str]:
    """Start the command with two workers, shoot once clips are stored; return process, exit code and words."""
    options = ("--detector", "json", "--detector-model", raw / "faces.json", "--frames", FEW, "-j", 2)
    process = start("fasdata", "extract", "folder", "--root", raw, "--out", out, *options)
    deadline = time.monotonic() + 60
    while written(out) < 150_000 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    with contextlib.suppress(ProcessLookupError, IndexError):
        shoot(process.pid)
    _, messages = process.communicate(timeout=60)
    return process.pid, process.returncode, messages


def test_the_whole_group_is_killed(raw, calm, tmp_path):
    out, _, code, _ = shot(raw, tmp_path, lambda pid: os.killpg(pid, signal.SIGKILL))
    assert code == -signal.SIGKILL
    assert 0 < check_store(store_of(out)).clips <= CLIPS
    extract(raw, out)
    assert sound_hash(out) == calm


def test_the_command_alone_is_killed_and_its_workers_notice(raw, calm, tmp_path):
    out, pid, code, _ = shot(raw, tmp_path, lambda pid: os.kill(pid, signal.SIGKILL))
    assert code == -signal.SIGKILL
    for _ in range(100):
        try:
            os.killpg(pid, 0)
        except ProcessLookupError:
            break
        time.sleep(0.1)
    else:
        pytest.fail("workers outlive their parent")
    extract(raw, out, workers=2)
    assert sound_hash(out) == calm


def test_a_worker_that_is_killed_costs_a_retry(raw, calm, tmp_path):
    hits = []

    def kill_a_worker(pid: int) -> None:
        os.kill(workers(pid)[0], signal.SIGKILL)
        hits.append(pid)

    for attempt in range(8):
        out = tmp_path / str(attempt)
        code, messages = shoot_at(raw, out, kill_a_worker)[1:]
        assert code == EXIT_PARTIAL and "Traceback" not in messages
        assert sound_hash(out) == calm
        if hits:
            return
    pytest.fail("no shot was quick enough")
