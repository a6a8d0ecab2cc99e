"""Where the seconds of a run go until its first step is done, from the command on.

Run: python benchmarks/start.py [--method erm] [--times 3]

A small library is made once; then `fastrain run` starts in a process of its own, which ends after its first iteration
and tells when each part was done. Files come from the system's cache, modules from bytecode, as on a second start.
Processor seconds and those of the clock; of several starts the quickest counts. Beside it stands a process that imports
torch and timm (which imports torchvision) and nothing else: no start of a run with a trunk of timm can be shorter.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from loader_world import make_world

CODE = """
import json, os, sys, time
marks = []
def mark(part):
    marks.append((part, time.time() - float(os.environ["STARTED"]), time.process_time()))
mark("interpreter")
from fastrain.__main__ import main
from fastrain.run import run as running
mark("modules of the command")
plan, ready = running.make_plan, running.made_ready
def planned(*of):
    made = plan(*of)
    mark("plan; torch and the trunk's package")
    return made
def made_ready(of):
    import fastrain.run.session, fastrain.train.devices
    from fastrain.methods.registry import method_class
    method_class(of.config.method)
    mark("other modules of training")
    fabric, session = ready(of)
    mark("devices, images, network, optimisers")
    draw, iterate = session.loader.draw, session.engine._iterate
    def drawn(domains):
        batch = draw(domains)
        mark("first images")
        return batch
    def stepped(number):
        iterate(number)
        mark("first step")
        print("MARKS", json.dumps(marks), flush=True)
        os._exit(0)
    session.loader.draw, session.engine._iterate = drawn, stepped
    return fabric, session
running.make_plan, running.made_ready = planned, made_ready
main()
"""
ALONE = """
import json, os, time
import torch, timm
print("MARKS", json.dumps([("", time.time() - float(os.environ["STARTED"]), time.process_time())]))
"""
Marks = list[tuple[str, float, float]]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--method", default="erm")
    parser.add_argument("--times", type=int, default=3)
    given = parser.parse_args()
    starts, alone = [], []
    with tempfile.TemporaryDirectory() as folder:
        world = make_world(Path(folder) / "library", 64, 4, zipped=False)
        for number in range(given.times + 1):
            starts.append(start(given.method, world.library.root, Path(folder) / f"run{number}"))
            alone.append(marks_of([sys.executable, "-c", ALONE])[0])
    best = min(starts[1:], key=lambda marks: marks[-1][2])  # the first one fills caches
    print(f"{'part':40} {'clock':>8} {'processor':>10}")
    before = (0.0, 0.0)
    for part, clock, processor in best:
        print(f"{part:40} {clock - before[0]:8.2f} {processor - before[1]:10.2f}")
        before = (clock, processor)
    print(f"{'altogether':40} {before[0]:8.2f} {before[1]:10.2f}")
    _, clock, processor = min(alone[1:], key=lambda mark: mark[2])
    print(f"{'torch and timm alone':40} {clock:8.2f} {processor:10.2f}")


def start(method: str, library: Path, run: Path) -> Marks:
    """Return when each part of a start was done: seconds of the clock and of the processor."""
    options = ["--protocol", "CIO-M", "--data", library, "--out", run, "--accelerator", "cpu", "--threads", "1"]
    tiny = ["model.pretrained=false", "data.image_size=64", "data.batch_per_group=2", "data.workers=0"]
    command = [sys.executable, "-c", CODE, "run", method, *map(str, options)]
    return marks_of([*command, *(word for key in tiny for word in ("--set", key))])


def marks_of(command: list[str]) -> Marks:
    """Return what a process marked."""
    environment = {**os.environ, "STARTED": str(time.time())}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    line = next((line for line in done.stdout.splitlines() if line.startswith("MARKS")), None)
    if line is None:
        raise SystemExit(f"the process did not come to its end:\n{done.stdout}\n{done.stderr}")
    return [(str(part), float(clock), float(processor)) for part, clock, processor in json.loads(line[6:])]


if __name__ == "__main__":
    main()
