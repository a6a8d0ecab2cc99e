"""What a sweep costs beside its runs, and what the start of a run is made of.

Run: python benchmarks/sweep.py [--iterations 200] [--seeds 2] [--workers 2]

The same runs (ERM, a small network, two protocols of the tests' small library) twice: each by its own `fastrain run`,
and all by `fastrain sweep`. Counted is the processor time of all processes that a command started, those included that
outlive their parents. Views are warped from the stores both times (--no-pack): no pack hides what a sweep costs.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOP))

PROTOCOLS = ("CIO-M", "COM-I")
_PR_SET_CHILD_SUBREAPER = 36  # orphans of a command become ours, so that their time is counted

_PARTS = """
import time
begun, parts = time.process_time(), {}
def lap(part):
    global begun
    now = time.process_time(); parts[part] = now - begun; begun = now
from fastrain.run.run import made_ready
import fastrain.sweep.preloaded, torch, torchvision, lightning_fabric, timm, cv2
lap("imports")
import sys
from pathlib import Path
from fastrain.run.plan import check_settings, make_plan
from fastrain.run.request import RunRequest
request = RunRequest(method="erm", protocol="CIO-M", data=sys.argv[1], out=sys.argv[2], accelerator="cpu", threads=1,
                     overrides=tuple(sys.argv[3:]))
plan = make_plan(request, check_settings(request))
lap("settings, manifest, stores")
fabric, session = made_ready(plan)
lap("device, network, images")
session.loader.draw(range(3))
lap("first batch")
session.loader.close()
for part, seconds in parts.items(): print(f"  {part:28} {seconds:6.2f} s")
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--iterations", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder), options)


def compare(folder: Path, options: argparse.Namespace) -> None:
    from tests.fastrain.world import TINY_ERM, write_library, write_second

    write_second(write_library(folder / "library"))
    settings = [*TINY_ERM, f"max_iterations={options.iterations}", f"steps_per_epoch={options.iterations // 2}"]
    own = [word for setting in settings for word in ("--set", setting)]
    shared = ["--data", str(folder / "library"), "--accelerator", "cpu", "--threads", "1", *own]
    bare = sum(
        seconds_of(
            "run", "erm", "--protocol", name, "--seed", str(seed), "--out", str(folder / f"{name}{seed}"), *shared
        )
        for name in PROTOCOLS
        for seed in range(options.seeds)
    )
    grid = ["--methods", "erm", "--protocols", ",".join(PROTOCOLS), "--seeds", f"0-{options.seeds - 1}", "--no-pack"]
    swept = seconds_of("sweep", *grid, "--out", str(folder / "sweep"), "-j", str(options.workers), *shared)
    runs = len(PROTOCOLS) * options.seeds
    print(f"{runs} runs of {options.iterations} iterations, each by itself: {bare:.1f} s of processor time")
    print(f"the same by fastrain sweep, {options.workers} at once: {swept:.1f} s; ratio {swept / bare:.3f}")
    print("the start of a run, processor time by part:")
    line = [sys.executable, "-c", _PARTS, str(folder / "library"), str(folder / "start"), *settings]
    print(subprocess.run(line, env=environment(), check=True, capture_output=True, text=True).stdout, end="")


def seconds_of(*arguments: str) -> float:
    """Return the processor time of a command and of all processes that it left behind, once they have ended."""
    before = _spent()
    line = [sys.executable, "-m", "fastrain", *arguments]
    subprocess.run(line, env=environment(), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with suppress(ChildProcessError):
        while True:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.05)
    return _spent() - before


def _spent() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(TOP)}


if __name__ == "__main__":
    main()
