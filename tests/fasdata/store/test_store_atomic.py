"""What a killed process left of a file is removed by whoever writes it next; what a running one writes stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fasdata.errors import UserError
from fasdata.store.atomic import is_temporary, replacing, sweep, write_text

WRITER = """
import sys
from pathlib import Path
from fasdata.store.atomic import replacing
with replacing(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    print(temporary, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def writer(tmp_path: Path):
    """A process in the middle of writing `page.html`, and the path that it writes to."""
    command = [sys.executable, "-c", WRITER, str(tmp_path / "page.html")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    yield process, Path(process.stdout.readline().strip())
    process.kill()
    process.communicate()


def test_what_a_running_process_writes_stays_and_what_a_killed_one_left_goes(tmp_path: Path, writer):
    process, half = writer
    write_text(tmp_path / "page.html", "whole")
    sweep(tmp_path)
    assert half.read_text() == "half" and is_temporary(half)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    write_text(tmp_path / "other.html", "whole")
    assert half.exists()  # of another file: only who owns the folder sweeps it
    write_text(tmp_path / "page.html", "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.html", "page.html"]


def test_a_process_with_the_number_of_a_killed_one_takes_its_place(tmp_path: Path):
    left = tmp_path / f".page.html.{os.getpid()}.tmp"
    left.write_text("a longer half of another time")
    with replacing(tmp_path / "page.html") as temporary:
        temporary.write_text("whole")
        sweep(tmp_path)
        assert temporary == left and left.exists()
    assert (tmp_path / "page.html").read_text() == "whole" and not left.exists()


def test_only_files_of_ours_are_removed(tmp_path: Path):
    theirs = [
        tmp_path / name for name in (".page.html.tmp", ".page.html.x1.tmp", "page.html.1.tmp", ".page.html.old.2")
    ]
    for path in theirs:
        path.write_text("theirs")
    (tmp_path / ".page.html.1.tmp").mkdir()
    write_text(tmp_path / "page.html", "whole")
    sweep(tmp_path)
    assert all(path.exists() for path in theirs)


def test_a_pipe_is_not_replaced(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="no regular file"):
        write_text(tmp_path / "pipe", "whole")
    assert (tmp_path / "pipe").is_fifo()
