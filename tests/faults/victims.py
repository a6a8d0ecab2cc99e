"""Processes to be killed: forked from one that has imported everything, so that a run is all work and no start."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

STEP = "+"


@dataclass(frozen=True)
class Course:
    """How an undisturbed run of a task goes."""

    steps: int
    seconds: float


LOOP = """
import json, os, sys
from pathlib import Path
import av, cv2, facenet_pytorch, pyarrow.parquet, torch
import fasdata.extract.clip_extractor, fasdata.faces.json_faces, fasdata.media.video, fasdata.store.reader
from tests.faults import tasks
cv2.setNumThreads(1)
torch.set_num_threads(1)
print("ready", flush=True)
for line in sys.stdin:
    name, arguments = json.loads(line)
    child = os.fork()
    if child == 0:
        os.setsid()
        sys.stderr = open(os.devnull, "w")
        os.write(1, f"{os.getpid()}\\n".encode())
        try:
            getattr(tasks, name)(*arguments)
        except BaseException as error:
            os.write(1, f"died {type(error).__name__}: {error}\\n".encode())
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""


class Victims:
    """Starts tasks (functions of `tests.faults.tasks`) one at a time, and kills them on demand.

    A task tells of every step it has taken (a clip written, a table): kills are placed by steps, since seconds mean
    nothing on a busy machine.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert self._read() == "ready"

    def run(self, task: str, *arguments: object) -> Course:
        """Run a task to its end; return how it went."""
        started = time.monotonic()
        self._start(task, arguments)
        steps = 0
        while (line := self._read()) == STEP:
            steps += 1
        assert line == "0", line
        return Course(steps, time.monotonic() - started)

    def kill(self, task: str, *arguments: object, moment: float, course: Course) -> bool:
        """Start a task and kill its process group at `moment`, 0 its start and 1 its end; return if it came to that."""
        child = self._start(task, arguments)
        place = moment * (course.steps + 1)
        line, steps = STEP, 0
        while steps < int(place) and (line := self._read()) == STEP:
            steps += 1
        if line == STEP:
            time.sleep((place - int(place)) * course.seconds / (course.steps + 1))
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
            while (line := self._read()) == STEP:
                pass
        assert line in ("0", str(-signal.SIGKILL)), line
        return line != "0"

    def _start(self, task: str, arguments: tuple[object, ...]) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([task, [str(argument) for argument in arguments]]) + "\n")
        self._process.stdin.flush()
        return int(self._read())

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def victims() -> Iterator[Victims]:
    """Give a process that forks victims."""
    process = subprocess.Popen(
        [sys.executable, "-c", LOOP],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        yield Victims(process)
    finally:
        process.kill()
        process.communicate()
