"""Feed changed files to the product's own readers, and count what becomes of them.

    python benchmarks/fuzz.py --minutes 60 --seed 1 --log fuzz.jsonl --keep ../reproducers
    python benchmarks/fuzz.py --log fuzz.jsonl --report            # the table alone
    python benchmarks/fuzz.py --seed 1 --only video:117            # one input again

Small whole files of every kind are changed (bits, numbers, lengths, cuts, splices, values of another type, and what
only someone who knows the format would change) and given to the functions that the commands call, in child processes
that read many inputs each. An input is a function of seed, kind and number, so that a log of finished ranges is all
that a later run needs to go on. `accepted` and `refused` (one line, exit code 2, or the product's own record of an
unusable recording) are what may be; a `traceback`, a `signal`, a `hang` (over 10 s of the processor,
or 60 by the clock), `memory` (over 1 GiB more than
before) and `words` (an error that is no readable line) are findings. For each kind of finding the smallest input that
still shows it is kept below --keep, which should lie outside the checkout. `TMPDIR=/dev/shm` spares the disk.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TextIO

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from fuzz_kinds import CHUNKS, kind_of
from fuzz_process import Process, Range
from fuzz_shrink import keep_smallest

COLUMNS = ("accepted", "refused", "traceback", "signal", "hang", "memory", "words")


class Log:
    """Finished ranges and findings, a JSON line each; a new run goes on after them."""

    def __init__(self, path: Path | None, seed: int) -> None:
        self.done: dict[str, set[int]] = {}
        self.findings: list[dict[str, Any]] = []
        self.totals: dict[str, Counter[str]] = {}  # of counts, and of seconds
        self._lock, self._file = threading.Lock(), None
        if path is not None:
            lines = [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
            for line in lines:
                if line.get("seed", seed) != seed:
                    sys.exit(f"{path} is of the seed {line['seed']}: give --seed {line['seed']}, or another --log")
                self._count(line)
            self._file = path.open("a")
            self._write({"seed": seed, "began": time.strftime("%Y-%m-%d %H:%M:%S")})

    def next_start(self, kind: str, chunk: int) -> int:
        """Claim the next range of a kind that no one has read, and return where it starts."""
        with self._lock:
            done = self.done.setdefault(kind, set())
            start = next(start for start in range(0, 10**9, chunk) if start not in done)
            done.add(start)
            return start

    def add(self, finished: Range) -> None:
        """Count and write a finished range."""
        line = {"kind": finished.kind, "start": finished.start, "stop": finished.stop, "counts": finished.counts,
                "peak": finished.peak, "seconds": round(finished.seconds, 2)}  # fmt: skip
        with self._lock:
            for entry in (line, *finished.findings):
                self._count(entry)
                self._write(entry)

    def _count(self, line: dict[str, Any]) -> None:
        if "counts" in line:
            self.done.setdefault(line["kind"], set()).add(line["start"])
            total = self.totals.setdefault(line["kind"], Counter())
            total.update(line["counts"])
            total["peak"] = max(total["peak"], line["peak"])
            total["seconds"] += line["seconds"]
        elif "outcome" in line:
            self.findings.append(line)

    def _write(self, line: dict[str, Any]) -> None:
        if self._file is not None:
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()


def signature(finding: dict[str, Any]) -> tuple[str, ...]:
    """Return what findings of one cause share: kind, outcome, error, and the innermost frame of the product."""
    return tuple(finding[name] for name in ("kind", "outcome", "error", "where"))


def report(log: Log, out: TextIO = sys.stdout) -> None:
    """Print a row a kind, and a line for each kind of finding."""
    print(f"| kind | inputs | {' | '.join(COLUMNS)} | peak MiB | ms |", file=out)
    print("|---" * (len(COLUMNS) + 4) + "|", file=out)
    whole: Counter[str] = Counter()
    for kind, total in log.totals.items():
        _row(kind, total, out)
        whole.update({name: total[name] for name in (*COLUMNS, "seconds")})
        whole["peak"] = max(whole["peak"], total["peak"])
    _row("all", whole, out)
    print(f"\n{whole_inputs(whole)} inputs in {whole['seconds'] / 60:.1f} processor minutes of reading", file=out)
    for key, number in Counter(map(signature, log.findings)).most_common():
        first = next(finding for finding in log.findings if signature(finding) == key)
        print(f"{number} x {' '.join(key)}\n      --only {key[0]}:{first['index']}   {first['what'][:200]}", file=out)


def _row(name: str, total: Counter[str], out: TextIO) -> None:
    inputs = whole_inputs(total)
    cells = [str(inputs), *(str(total[column]) for column in COLUMNS), str(total["peak"] >> 20)]
    cells.append(f"{1000 * total['seconds'] / max(1, inputs):.1f}")
    print(f"| {name} | {' | '.join(cells)} |", file=out)


def whole_inputs(total: Counter[str]) -> int:
    """Return the number of inputs among the counts of outcomes."""
    return sum(total[column] for column in COLUMNS)


class Fuzz:
    """Workers that take turns of kinds until the time is up or enough inputs are read."""

    def __init__(self, kinds: list[str], seed: int, log: Log, keep: Path | None, inputs: int | None) -> None:
        self._kinds, self._seed, self._log, self._keep, self._inputs = kinds, seed, log, keep, inputs
        self._turn, self._lock = 0, threading.Lock()
        self._kept: set[tuple[str, ...]] = {signature(finding) for finding in log.findings}

    def run(self, until: float, workers: int) -> None:
        """Read inputs until the clock (`time.monotonic`) passes `until`."""
        with ThreadPoolExecutor(workers) as pool:
            for done in [pool.submit(self._work, until) for _ in range(workers)]:
                done.result()

    def _work(self, until: float) -> None:
        with Process(self._seed) as process:
            while time.monotonic() < until and (kind := self._next_kind()):
                chunk = CHUNKS[kind]
                start = self._log.next_start(kind, chunk)
                stop = start + chunk if self._inputs is None else start + min(chunk, self._share(kind))
                finished = process.run(kind, start, stop)
                self._log.add(finished)
                for finding in finished.findings:
                    self._save(process, finding)

    def _next_kind(self) -> str:
        with self._lock:
            self._turn += 1
            if self._inputs is not None and self._turn > len(self._kinds):
                return ""
            return self._kinds[(self._turn - 1) % len(self._kinds)]

    def _share(self, kind: str) -> int:
        every = sum(CHUNKS[name] for name in self._kinds)
        return max(2, round((self._inputs or 0) * CHUNKS[kind] / every))

    def _save(self, process: Process, finding: dict[str, Any]) -> None:
        with self._lock:
            key = signature(finding)
            if key in self._kept:
                return
            self._kept.add(key)
        print(
            f"new: {' '.join(key)}  (--only {finding['kind']}:{finding['index']})  {finding['what'][:160]}", flush=True
        )
        if self._keep is not None:
            keep_smallest(process, kind_of(finding["kind"]), self._seed, finding, self._keep)


def once(seed: int, text: str) -> int:
    """Read one input again, print what became of it; return 1 where it is a finding."""
    kind, _, number = text.partition(":")
    with Process(seed) as process:
        finished = process.run(kind, int(number), int(number) + 1)
    for finding in finished.findings:
        print(json.dumps(finding, indent=1))
    print({name: count for name, count in finished.counts.items() if count}, f"peak {finished.peak >> 20} MiB")
    return bool(finished.findings)


def main() -> int:
    """Read the command line and do what it asks; return 1 where there are findings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--inputs", type=int, help="a number of inputs in place of minutes, shared out among the kinds")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", type=Path, help="finished ranges and findings; a later run goes on after them")
    parser.add_argument("--kinds", nargs="+", choices=sorted(CHUNKS), default=list(CHUNKS), metavar="KIND")
    parser.add_argument("--workers", type=int, default=1, help="reading processes at a time")
    parser.add_argument("--keep", type=Path, help="where the smallest input of each kind of finding goes")
    parser.add_argument("--only", metavar="KIND:NUMBER", help="read one input again")
    parser.add_argument("--report", action="store_true", help="print what the log holds, and read nothing")
    asked = parser.parse_args()
    if asked.only:
        return once(asked.seed, asked.only)
    log = Log(asked.log, asked.seed)
    if not asked.report:
        until = time.monotonic() + (60 * asked.minutes if asked.inputs is None else 10**9)
        Fuzz(asked.kinds, asked.seed, log, asked.keep, asked.inputs).run(until, asked.workers)
    report(log)
    return bool(log.findings)


if __name__ == "__main__":
    sys.exit(main())
