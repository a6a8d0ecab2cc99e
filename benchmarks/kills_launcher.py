"""Start the two commands for `benchmarks/kills.py`, and shoot at them.

A command is forked from a process that has imported everything, which saves its start of some seconds; it is the leader
of a session and handles signals as a fresh process does. The commands that `Launcher.start(…, fresh=True)` starts are
the installed ones, with their start.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE = 300.0  # seconds that a command may take
ROOT = str(Path(__file__).resolve().parent.parent)  # of the commands: those beside this script, whatever is installed
REACH = {False: 0.9, True: 0.4}
GRACE = 15.0  # seconds after the end of a command in which its workers have to be gone

_LOOP = """
import atexit, gc, importlib, json, os, pkgutil, signal, sys, threading, traceback
for name in ("av", "cv2", "h5py", "jinja2", "lightning_fabric", "lmdb", "matplotlib.figure", "pandas",
             "pyarrow.parquet", "safetensors.torch", "scipy.stats", "timm", "torch.utils.tensorboard",
             "torchvision.transforms.v2"):
    importlib.import_module(name)
for package in ("fasdata", "fastrain"):
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, package + "."):
        importlib.import_module(module.name)
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell lets what runs in the background ignore it
signal.signal(signal.SIGTERM, signal.SIG_DFL)
gc.freeze()
print("ready", flush=True)
for line in sys.stdin:
    order = json.loads(line)
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()
        os.chdir(order["folder"])
        out = os.open(order["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for number, opened in ((0, os.open(os.devnull, os.O_RDONLY)), (1, out), (2, out)):
            os.dup2(opened, number)
        sys.argv = order["line"]
        os.close(tell)
        break
    os.close(tell)
    os.read(ready, 1)
    os.close(ready)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
else:
    sys.exit()
code = 0
try:
    importlib.import_module(sys.argv[0] + ".__main__").main()
except SystemExit as ended:
    code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
except BaseException:
    traceback.print_exc()
    code = 1
# As the interpreter ends, without taking apart what was imported, which lasts longer than most commands.
threading._shutdown()
atexit._run_exitfuncs()
sys.stdout.flush()
sys.stderr.flush()
os._exit(code)
"""


class Launcher:
    """Starts commands, one at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _LOOP], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=_environment()
        )
        if self._answer() != "ready":
            raise SystemExit("the launcher of commands did not start")

    def start(self, line: Sequence[str], folder: Path, output: Path, *, fresh: bool = False) -> Victim:
        """Start `fasdata …` or `fastrain …` in `folder`; both of its outputs go to the file `output`."""
        if fresh:
            with output.open("wb") as file:
                program = str(Path(sys.executable).with_name(line[0]))
                process = subprocess.Popen(
                    [program, *line[1:]], cwd=folder, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                    env=_environment(), start_new_session=True, preexec_fn=_as_in_the_foreground,
                )  # fmt: skip
            return Victim(process.pid, output, process.stdout, process)
        assert self._process.stdin is not None
        order = {"line": list(line), "folder": str(folder.absolute()), "output": str(output.absolute())}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return Victim(int(self._answer()), output, self._process.stdout, None)

    def close(self) -> None:
        """End the process that forks."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@dataclass
class Victim:
    """A command at work: the leader of its session, whose end is read from the launcher or from its own process."""

    pid: int
    output: Path
    _answers: Any
    _process: subprocess.Popen[bytes] | None

    def alive(self) -> bool:
        """Tell whether the command itself is at work still."""
        return _state(self.pid) not in ("", "Z")

    def shoot(self, by: signal.Signals, *, group: bool) -> None:
        """Send a signal to the command alone, or to all processes of its group, as a terminal or a scheduler does."""
        with suppress(ProcessLookupError):
            (os.killpg if group else os.kill)(self.pid, by)

    def wait(self) -> int | None:
        """Wait for the end; return the exit code, minus the signal's number where one ended it; None for a hang."""
        deadline = time.monotonic() + PATIENCE
        while self.alive():
            if time.monotonic() > deadline:
                self.shoot(signal.SIGKILL, group=True)
                self._code()
                return None
            time.sleep(0.005)
        return self._code()

    def _code(self) -> int:
        return self._process.wait() if self._process else int(self._answers.readline())

    def words(self) -> str:
        """Return what the command printed."""
        return self.output.read_text(encoding="utf-8", errors="replace")

    def left_behind(self) -> list[int]:
        """Return the processes of the session that are at work some time after the end of the command; end them."""
        deadline = time.monotonic() + GRACE
        while (left := session_of(self.pid)) and time.monotonic() < deadline:
            time.sleep(0.05)
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return left


def session_of(leader: int) -> list[int]:
    """Return the processes at work of a session (its leader included, as long as it is there)."""
    members = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, _, session = stat.read_text().rpartition(")")[2].split()[:4]
            if int(session) == leader and state != "Z":
                members.append(int(stat.parent.name))
    return members


@dataclass(frozen=True)
class Shot:
    """When a signal is sent, which, and to whom: `after` seconds from the start, or from the first file that changes.

    >>> Shot.drawn(random.Random(3), seconds=2.0) == Shot.drawn(random.Random(3), seconds=2.0)
    True
    """

    by: signal.Signals
    group: bool
    writing: bool
    after: float

    @classmethod
    def drawn(cls, chance: random.Random, seconds: float, *, reach: Mapping[bool, float] = REACH) -> Shot:
        """Draw a shot at a command that takes `seconds`; half of them wait until it writes.

        `reach` is the share of the seconds in which a shot falls, by whether it waits.
        """
        by = chance.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGTERM, signal.SIGINT))
        group = chance.random() < 0.5 or by == signal.SIGINT  # a terminal interrupts the whole group
        writing = chance.random() < 0.5
        return cls(by, group, writing, chance.random() * seconds * reach[writing])

    def fire(self, victim: Victim, folder: Path) -> bool:
        """Wait for the moment and send the signal; return if the command was at work."""
        if self.writing:
            before = stamps(folder)
            while victim.alive() and stamps(folder) == before:
                time.sleep(0.002)
        moment = time.monotonic() + self.after
        while victim.alive() and time.monotonic() < moment:
            time.sleep(min(0.005, max(0.0, moment - time.monotonic())))
        if not victim.alive():
            return False
        victim.shoot(self.by, group=self.group)
        return True


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of each file, by its path."""
    seen = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = f"{place}/{name}"
            with suppress(OSError):
                stat = os.lstat(path)
                seen[path] = stat.st_size, stat.st_mtime_ns
    return seen


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def _as_in_the_foreground() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def _environment() -> dict[str, str]:
    paths = [ROOT, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return {**os.environ, **threads, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
