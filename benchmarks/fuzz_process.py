"""The parent's side of a reading process: start it, give it work, notice its death or its silence, start another."""

from __future__ import annotations

import json
import mmap
import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fuzz_child import BOARD, OUTCOMES

HANG, SILENCE = 10.0, 60.0  # seconds of the processor, and by the clock of a busy machine, that an input may take
START = 600.0  # seconds for imports and for the whole files of a kind
LIFE = 3600  # processor seconds of one process, and by the clock, after which it makes place for a new one
_FRAME = re.compile(rb'File "[^"]*?/(fas(?:data|train)/[^"]+)", line (\d+) in (\S+)')


@dataclass
class Range:
    """What became of the inputs from `start` to `stop`."""

    kind: str
    start: int
    stop: int
    counts: dict[str, int]
    peak: int
    seconds: float  # of the processor, for reading
    findings: list[dict[str, Any]] = field(default_factory=list)


class Process:
    """One reading process at a time, in a folder of its own; a context manager."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
        self._child: subprocess.Popen[bytes] | None = None
        self._prepared: dict[str, str] = {}
        self._born = 0.0
        board = self._folder / "board"
        board.write_bytes(bytes(BOARD.size))
        with board.open("r+b") as file:
            self._board = mmap.mmap(file.fileno(), BOARD.size)

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *ended: object) -> None:
        self._end()
        self._board.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def prepare(self, kind: str) -> str:
        """Let the process write the whole files of a kind and read them; return their digest."""
        self._renew()
        if kind not in self._prepared:
            answer, _ = self._ask({"do": "prepare", "kind": kind, "seed": self._seed}, START)
            if answer is None:
                raise RuntimeError(f"the whole files of {kind} cannot be read: {self._stack()[-2000:]}")
            self._prepared[kind] = answer[0]["files"]
        return self._prepared[kind]

    def run(self, kind: str, start: int, stop: int) -> Range:
        """Read the inputs of a range; one that ends the process or makes it hang is a finding."""
        whole = Range(kind, start, stop, dict.fromkeys((*OUTCOMES, "signal", "hang"), 0), 0, 0.0)
        while start < stop:
            self.prepare(kind)
            command = {"do": "run", "kind": kind, "seed": self._seed, "start": start, "stop": stop}
            answer, ended = self._ask(command)
            index, _, _, used, *numbers, peak = BOARD.unpack(self._board[: BOARD.size])
            whole.seconds += used
            for name, number in zip(OUTCOMES, numbers, strict=True):
                whole.counts[name] += number
            whole.peak = max(whole.peak, peak)
            whole.findings += answer or []
            if answer is None:
                whole.counts[ended["outcome"]] += 1
                whole.findings.append({"kind": kind, "index": index, **ended})
                index += 1
            start = index
        return whole

    def single(self, kind: str, name: str, data: bytes) -> dict[str, Any]:
        """Read one input of given bytes; return what became of it."""
        self.prepare(kind)
        path = self._folder / "single"
        path.write_bytes(data)
        answer, ended = self._ask({"do": "single", "kind": kind, "name": name, "path": str(path)})
        return ended if answer is None else answer[0]

    def _ask(
        self, command: dict[str, Any], patience: float = 0.0
    ) -> tuple[list[dict[str, Any]] | None, dict[str, str]]:
        """Return the answer of the process; None where it died or hung, and how.

        With `patience` that many seconds are allowed for all of it, else `HANG` and `SILENCE` for each input.
        """
        child = self._child
        assert child is not None and child.stdin is not None and child.stdout is not None
        self._board[: BOARD.size] = BOARD.pack(-1, 0.0, 0.0, 0.0, *[0] * 6)
        until = time.monotonic() + patience if patience else float("inf")
        child.stdin.write(json.dumps(command).encode() + b"\n")
        child.stdin.flush()
        text = b""
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            while not text.endswith(b"\n"):
                if selector.select(0.25):
                    piece = os.read(child.stdout.fileno(), 1 << 20)
                    if not piece:
                        return None, self._died(child)
                    text += piece
                    continue
                _, clock, processor, *_ = BOARD.unpack(self._board[: BOARD.size])
                silent = clock and time.monotonic() - clock > SILENCE
                if silent or (clock and _seconds(child.pid) - processor > HANG) or time.monotonic() > until:
                    return None, self._hung(child)
        return json.loads(text)["answer"], {}

    def _died(self, child: subprocess.Popen[bytes]) -> dict[str, str]:
        code = child.wait()
        name = signal.Signals(-code).name if code < 0 else f"exit {code}"
        stack = self._stack()
        self._end()
        return {"outcome": "signal", "error": name, "where": _frame(stack), "what": stack[-300:].replace("\n", " | ")}

    def _hung(self, child: subprocess.Popen[bytes]) -> dict[str, str]:
        child.send_signal(signal.SIGABRT)  # its handler writes the stack
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        stack = self._stack()
        self._end()
        return {"outcome": "hang", "error": "hang", "where": _frame(stack), "what": ""}

    def _stack(self) -> str:
        try:
            return (self._folder / "board.stack").read_bytes()[-20000:].decode(errors="replace")
        except OSError:
            return ""

    def _renew(self) -> None:
        if self._child is not None and time.monotonic() - self._born > LIFE:
            self._end()
        if self._child is None:
            place = self._folder / "work"
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            arguments = [sys.executable, str(Path(__file__).with_name("fuzz_child.py"))]
            self._child = subprocess.Popen(
                [*arguments, str(place), str(self._folder / "board"), str(LIFE)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
            )  # fmt: skip
            self._born, self._prepared = time.monotonic(), {}

    def _end(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            for pipe in (self._child.stdin, self._child.stdout):
                if pipe:
                    pipe.close()
            self._child = None


def _seconds(pid: int) -> float:
    """Return the processor seconds that a process has used, 0 where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _frame(stack: str) -> str:
    frames = _FRAME.findall(stack.encode())
    return ":".join(part.decode() for part in (frames[0][0], frames[0][2], frames[0][1])) if frames else "outside"
