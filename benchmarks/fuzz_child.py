"""The process that reads changed inputs, many one after the other, and says of each what became of it.

It is meant to die: it limits its own memory and time, and writes before each input which one it begins, so that the
parent knows what a signal or a hang belongs to.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import json
import mmap
import os
import resource
import shutil
import struct
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

TOP = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP))  # the helpers of the tests make the files to begin with

from fuzz_inputs import Inputs  # noqa: E402
from fuzz_kinds import kind_of  # noqa: E402

from fasdata.errors import EXIT_USER_ERROR, guarded  # noqa: E402

if TYPE_CHECKING:
    from fuzz_media import Kind

ADDRESS_SPACE, MUCH = 6 << 30, 1 << 30  # bytes: the child's limit, and what no input may take beyond what was in use
POLITE = 5  # the least niceness: it shares the machine
LONGEST_LINE = 5000  # characters of an error: four parts of 1200 at most
BOARD = struct.Struct("<q 3d 6q")  # input at work, since when by clock and processor, seconds used, counts, peak memory
OUTCOMES = ("accepted", "refused", "traceback", "words", "memory")


@dataclass
class Outcome:
    """What became of an input; `where` is the innermost frame of the product, `what` the error."""

    outcome: str
    error: str = ""
    where: str = ""
    what: str = ""

    @property
    def is_finding(self) -> bool:
        """Whether it should not be so."""
        return self.outcome not in ("accepted", "refused")


class Child:
    """Reads inputs in a folder of its own; `board` is the memory it shares with the parent."""

    def __init__(self, folder: Path, board: mmap.mmap) -> None:
        self._folder, self._board, self._seconds = folder, board, 0.0
        self._worlds: dict[str, tuple[Kind, Inputs, Path]] = {}

    def inputs(self, kind: Kind, seed: int) -> Inputs:
        """Write the files of a kind, read each of them whole once, and return its inputs."""
        if kind.name not in self._worlds:
            pristine = self._folder / "whole" / kind.name
            pristine.mkdir(parents=True)
            paths = kind.prepare(pristine)
            inputs = Inputs.of(kind, seed, pristine, paths)
            self._worlds[kind.name] = kind, inputs, self._folder / kind.name
            for name, data in inputs.files.items():
                outcome = self._read(kind, name, data)
                if outcome.outcome != "accepted":
                    raise AssertionError(f"{kind.name}: the unchanged file {name} is not accepted: {outcome}")
        return self._worlds[kind.name][1]

    def run(self, kind: Kind, seed: int, start: int, stop: int) -> Iterator[dict[str, Any]]:
        """Read the inputs of a range and yield the findings."""
        inputs = self.inputs(kind, seed)
        counts, peak, self._seconds = dict.fromkeys(OUTCOMES, 0), 0, 0.0
        for index in range(start, stop):
            self._post(index, counts, peak, busy=False)  # the time counts when the input is made
            name, data = inputs.made(index)
            self._post(index, counts, peak)
            began = time.process_time()
            outcome, used = self.measured(kind, name, data)
            self._seconds += time.process_time() - began
            peak = max(peak, used)
            counts[outcome.outcome] += 1
            if outcome.is_finding:
                yield {"kind": kind.name, "index": index, **asdict(outcome)}
        self._post(stop, counts, peak, busy=False)

    def measured(self, kind: Kind, name: str, data: bytes) -> tuple[Outcome, int]:
        """Read one input; return what became of it, and the most memory that was in use."""
        before = _forget_peak()
        outcome = self._read(kind, name, data)
        used = _peak()
        if used - before > MUCH and not outcome.is_finding:
            outcome = Outcome("memory", "memory", kind.name, f"{(used - before) / 2**20:.0f} MiB for {len(data)} bytes")
        return outcome, used

    def begin(self, index: int) -> None:
        """Tell the parent that one more input of an own making is at work."""
        self._post(index, dict.fromkeys(OUTCOMES, 0), 0)

    def _post(self, index: int, counts: dict[str, int], peak: int, *, busy: bool = True) -> None:
        since = (time.monotonic(), time.process_time()) if busy else (0.0, 0.0)
        numbers = (counts[name] for name in OUTCOMES)
        self._board[: BOARD.size] = BOARD.pack(index, *since, self._seconds, *numbers, peak)

    def _read(self, kind: Kind, name: str, data: bytes) -> Outcome:
        root, whole = self._folder / kind.name, self._folder / "whole" / kind.name
        if kind.writes or not root.exists():
            shutil.rmtree(root, ignore_errors=True)
            shutil.copytree(whole, root)
        path = root / name
        path.unlink(missing_ok=True)  # a new file: nothing that is open still sees the old one change
        path.write_bytes(data)
        try:
            return judged(lambda: kind.read(root, path))
        finally:
            if not kind.writes:
                path.unlink(missing_ok=True)
                shutil.copyfile(whole / name, path)


def judged(read: Any) -> Outcome:
    """Call `read` as a command is called, and judge how it ends."""
    lines, result = io.StringIO(), []
    try:
        with contextlib.redirect_stderr(lines):
            guarded(lambda: result.append(_printed(read())))
    except SystemExit as ended:
        line = lines.getvalue().removesuffix("\n")
        if ended.code != EXIT_USER_ERROR or not line.startswith("error: "):
            return Outcome("traceback", "SystemExit", "exit", f"{ended.code} {line[:200]}")
        if not line.isprintable() or len(line) > LONGEST_LINE:
            return Outcome("words", "line", _words(line), line[:300])
        return Outcome("refused", what=line[:300])
    except BaseException as error:
        return Outcome("traceback", type(error).__name__, innermost(error), " ".join(str(error).split())[:300])
    return Outcome("refused" if result == [False] else "accepted")


def _printed(result: object) -> object:
    if isinstance(result, str):
        result.encode()  # a command would print it
    return result


def _words(line: str) -> str:
    """Return the beginning of an error that is no line to be read, without what it quotes."""
    what = "too long" if len(line) > LONGEST_LINE else "unprintable"
    letters = "".join(letter if letter.isalpha() or letter == " " else "#" for letter in line.split("; found")[0])
    return f"{what}: {' '.join(word for word in letters.split() if '#' not in word)[:60]}"


def innermost(error: BaseException) -> str:
    """Return file, function and line of the innermost frame of the product."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _ours(frame.filename)]
    last = frames[-1] if frames else None
    return f"{Path(last.filename).relative_to(TOP)}:{last.name}:{last.lineno}" if last else "outside"


def _ours(name: str) -> bool:
    return name.startswith((str(TOP / "fasdata"), str(TOP / "fastrain")))


def _forget_peak() -> int:
    """Let the kernel count the peak anew, where it can; return the memory in use, in bytes."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _peak() -> int:
    return _status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def _status(name: str) -> int:
    try:
        with open("/proc/self/status") as file:  # noqa: PTH123 - twice an input
            return next((int(line.split()[1]) << 10 for line in file if line.startswith(name)), 0)
    except OSError:
        return 0


def main() -> None:
    """Answer the parent's commands, a JSON line each, until there are no more."""
    folder, board_path, seconds = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):
        os.nice(max(0, POLITE - os.nice(0)))
    answers = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    os.dup2(os.open(board_path.with_suffix(".stack"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    faulthandler.enable(file=sys.__stderr__)  # type: ignore[arg-type]
    os.environ.update(TMPDIR=str(folder), HOME=str(folder), OMP_NUM_THREADS="1")
    warnings.simplefilter("ignore")

    with board_path.open("r+b") as file:
        child = Child(folder, mmap.mmap(file.fileno(), BOARD.size))
    for line in sys.stdin:
        command = json.loads(line)
        kind = kind_of(command["kind"])
        if command["do"] == "prepare":
            answer: list[dict[str, Any]] = [{"files": child.inputs(kind, command["seed"]).digest}]
        elif command["do"] == "run":
            answer = list(child.run(kind, command["seed"], command["start"], command["stop"]))
        else:
            child.begin(0)
            data = Path(command["path"]).read_bytes()
            answer = [asdict(child.measured(kind, command["name"], data)[0])]
        child_done = {"answer": answer}
        print(json.dumps(child_done), file=answers, flush=True)


if __name__ == "__main__":
    main()
