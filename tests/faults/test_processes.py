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
EMPTY = 8192  # bytes of a shard without a clip; the first is committed alone, the others of a second together


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
    """The processes that the threads of `pid` have started."""
    started = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            started += [int(child) for child in thread.read_text().split()]
    return started


def workers(pid: int) -> list[int]:
    """The processes that work for the command `pid`: its server's children."""
    return [worker for server in children(pid) for worker in children(server)]


def assert_nobody_is_left(group: int) -> None:
    """Check that all processes of a command are gone, or go soon."""
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail("workers outlive their parent")


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


def shoot_at(raw: Path, out: Path, shoot: Callable[[int], None], workers: int = 2) -> tuple[int, int, str]:
    """Start the command with workers, shoot once clips are stored; return process, exit code and words."""
    options = ("--detector", "json", "--detector-model", raw / "faces.json", "--frames", FEW, "-j", workers)
    process = start("fasdata", "extract", "folder", "--root", raw, "--out", out, *options)
    deadline = time.monotonic() + 60
    while written(out) <= EMPTY and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    with contextlib.suppress(ProcessLookupError, IndexError):
        shoot(process.pid)
    _, messages = process.communicate(timeout=60)
    return process.pid, process.returncode, messages


def test_the_whole_group_is_killed(raw, calm, tmp_path):
    out, _, code, _ = shot(raw, tmp_path, lambda pid: os.killpg(pid, signal.SIGKILL))
    assert code == -signal.SIGKILL
    assert check_store(store_of(out)).problems.keys() <= {"the last run that wrote to the store did not finish"}
    extract(raw, out)
    assert sound_hash(out) == calm


def test_the_command_alone_is_killed_and_its_workers_notice(raw, calm, tmp_path):
    out, pid, code, _ = shot(raw, tmp_path, lambda pid: os.kill(pid, signal.SIGKILL))
    assert code == -signal.SIGKILL
    assert_nobody_is_left(pid)
    extract(raw, out, workers=2)
    assert sound_hash(out) == calm


@pytest.mark.parametrize("number", [1, 2])
def test_a_worker_that_is_killed_costs_a_retry(raw, calm, tmp_path, number):
    hits = []

    def kill_a_worker(pid: int) -> None:
        os.kill(workers(pid)[0], signal.SIGKILL)
        hits.append(pid)

    for attempt in range(8):
        out = tmp_path / str(attempt)
        code, messages = shoot_at(raw, out, kill_a_worker, number)[1:]
        assert code == EXIT_PARTIAL and "Traceback" not in messages
        assert sound_hash(out) == calm
        if hits:
            return
    pytest.fail("no shot was quick enough")


@pytest.mark.parametrize(("by", "to_group"), [(signal.SIGTERM, False), (signal.SIGINT, True)])
def test_a_signal_finishes_the_clips_in_hand_and_says_how_to_go_on(raw, calm, tmp_path, by, to_group):
    """Ctrl-C reaches the workers too; they leave the decision to the command."""
    out, pid, code, messages = shot(raw, tmp_path, lambda pid: (os.killpg if to_group else os.kill)(pid, by))
    assert code == 128 + by, messages
    assert f"stopped by {by.name} after" in messages and "to go on: run the same command again" in messages
    assert "Traceback" not in messages and "error:" not in messages
    assert_nobody_is_left(pid)
    stored = int(messages.partition(f"stopped by {by.name} after ")[2].split()[0])
    assert extract(raw, out, workers=1).already == stored
    assert sound_hash(out) == calm
