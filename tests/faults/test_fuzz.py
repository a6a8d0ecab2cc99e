"""A short, seeded part of `benchmarks/fuzz.py`: changed files end in a line, and the harness sees what does not."""

from __future__ import annotations

import errno
import json
import mmap
import random
import subprocess
import sys
from pathlib import Path

import pytest

from fasdata.errors import UserError

BENCHMARKS = Path(__file__).resolve().parent.parent.parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

from fuzz_child import BOARD, Child, judged  # noqa: E402
from fuzz_inputs import Inputs  # noqa: E402
from fuzz_kinds import kind_of  # noqa: E402
from fuzz_media import Kind  # noqa: E402
from fuzz_shrink import shrunk  # noqa: E402

SEED = 5
CHEAP = ("picture", "video", "hdf5", "npz", "boxes", "faces", "own-table", "release-list", "foreign-list", "words",
         "paths", "card", "shard-read", "export")  # fmt: skip


def test_changed_files_of_cheap_kinds_end_in_a_line_and_the_log_goes_on(tmp_path):
    log = tmp_path / "log.jsonl"
    command = [sys.executable, BENCHMARKS / "fuzz.py", "--seed", str(SEED), "--log", log, "--keep", tmp_path / "keep"]
    ended = subprocess.run(
        [*command, "--inputs", "300", "--kinds", *CHEAP], capture_output=True, text=True, timeout=600
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    counts = [line["counts"] for line in lines if "counts" in line]
    assert sum(sum(count.values()) for count in counts) >= 290
    assert sum(count["accepted"] for count in counts) >= 30 and sum(count["refused"] for count in counts) >= 100
    again = subprocess.run(
        [*command, "--inputs", "20", "--kinds", "boxes"], capture_output=True, text=True, timeout=600
    )
    assert again.returncode == 0, again.stdout + again.stderr
    starts = [line["start"] for line in map(json.loads, log.read_text().splitlines()) if line.get("kind") == "boxes"]
    assert starts[0] == 0 and starts[1] > 0  # other inputs than before


@pytest.fixture
def child(tmp_path, monkeypatch) -> Child:
    return Child(tmp_path, mmap.mmap(-1, BOARD.size))


@pytest.mark.parametrize("name", ["checkpoint", "weights", "published", "settings", "run-resume"])
def test_changed_files_of_runs_end_in_a_line(child, name):
    """In this very process, which has torch already; nothing here runs code of a file."""
    state = random.getstate()
    assert list(child.run(kind_of(name), SEED, 0, 8)) == []
    random.setstate(state)


def test_an_input_is_a_function_of_seed_and_number(tmp_path):
    kind = kind_of("boxes")
    inputs = Inputs.of(kind, SEED, tmp_path, kind.prepare(tmp_path))
    made = [inputs.made(number) for number in range(50)]
    assert made == [inputs.made(number) for number in range(50)]
    assert all(data != inputs.files[name] for name, data in made)
    other = Inputs.of(kind, SEED + 1, tmp_path, kind.prepare(tmp_path))
    assert sum(first == other.made(number) for number, first in enumerate(made)) < 5


def raising(error: Exception) -> object:
    raise error


@pytest.mark.parametrize(
    ("read", "outcome"),
    [
        (lambda: None, "accepted"),
        (lambda: "a line", "accepted"),
        (lambda: False, "refused"),
        (lambda: raising(UserError("no such file")), "refused"),
        (lambda: raising(PermissionError(errno.EACCES, "not allowed", "a")), "refused"),
        (lambda: raising(OSError(errno.EIO, "broken", "a")), "traceback"),
        (lambda: raising(KeyError("label")), "traceback"),
        (lambda: "\ud800", "traceback"),  # a command would fail to print it
        (lambda: raising(UserError("the first line\nand a second")), "refused"),  # UserError makes it one
        (lambda: raising(PermissionError(errno.EACCES, "not\x1b[2J allowed", "a")), "words"),
    ],
)
def test_an_end_is_judged(read, outcome):
    assert judged(read).outcome == outcome


@pytest.mark.parametrize(("size", "outcome"), [(1, "accepted"), (192, "memory")])
def test_memory_that_an_input_takes_and_gives_back_is_seen(child, monkeypatch, size, outcome):
    def prepare(folder: Path) -> list[Path]:
        (folder / "a").write_bytes(b"\x01")
        return [folder / "a"]

    def read(root: Path, path: Path) -> object:
        return bool(bytearray(b"x" * (path.read_bytes()[0] << 20)))

    kind = Kind("greedy", prepare, read)
    monkeypatch.setattr("fuzz_child.MUCH", 32 << 20)
    child.inputs(kind, SEED)
    assert child.measured(kind, "a", bytes([size]))[0].outcome == outcome


def test_a_reproducer_is_made_small():
    whole = bytes(range(256))
    changed = bytearray(whole)
    changed[7] = changed[200] = 0xFF
    assert len(shrunk(bytes(changed), whole, lambda data: data.count(b"\xff") >= 2)) == 2
