"""Where the time of a prediction goes, and torch's time over the runtime's, on one thread of a processor.

    python benchmarks/runtime.py                  every method at the size of its configuration, from scratch
    python benchmarks/runtime.py erm gac_fas      some of them
    python benchmarks/runtime.py --quick          small networks, to see that it runs
    python benchmarks/runtime.py --start          the whole command for one picture alone: seconds and memory

The command is run without torch in its process; "peak" is the most that was resident. Its file is read from the cache
of the system, modules from bytecode, as they are on the second start.

Weights do not matter to the time, so none are fetched. Each pair is measured in turns in one process, the least of
several times counts. Exporting ME-FAS takes a few minutes and 3 GiB.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np
import onnxruntime
import torch

from fasdata.faces.cascade_networks import as_onnx
from fasdata.faces.mtcnn import MtcnnDetector
from fasdata.faces.view import View
from fasdata.media.stills import read_still
from fastrain.bundle.graphs import graph_of_method
from fastrain.bundle.scenes import pictures
from fastrain.methods.registry import METHODS, method_class, settings_class

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.fastrain.bundle.sized import bundle_of

SIDES = {"flip": 224, "me_fas": 224, "mmdg": 224, "mmdgfas": 112}  # of the others 256
FULL = {"erm": {"trunk": "resnet18.tv_in1k"}}  # of the others the defaults


def least(run: Callable[[], object], times: int) -> float:
    """Return the least milliseconds of several runs, after one that does not count."""
    run()
    spent = []
    for _ in range(times):
        before = time.perf_counter()
        run()
        spent.append(time.perf_counter() - before)
    return 1000 * min(spent)


def in_turns(first: Callable[[], object], second: Callable[[], object], times: int) -> tuple[float, float]:
    """Return the least milliseconds of two things, measured in turns."""
    halves = [(least(first, max(1, times // 3)), least(second, max(1, times // 3))) for _ in range(3)]
    return min(a for a, _ in halves), min(b for _, b in halves)


def network(name: str, quick: bool, times: int) -> str:
    """Measure one face through a method in torch and as a graph."""
    side = SIDES.get(name, 256)
    settings: dict[str, Any] = dict(settings_class(name).trial().tiny if quick else FULL.get(name, {}))
    if "pretrained" in settings_class(name).model_fields:
        settings["pretrained"] = False
    method = method_class(name)(settings_class(name)(**settings), n_domains=3, image_size=side).eval()
    graph = graph_of_method(method, side)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    names = method.modalities
    images = {of: torch.rand(1, 3 if of == "rgb" else 1, side, side) for of in names}
    available = torch.ones(1, len(names), dtype=torch.bool)
    batch = {"modalities": images, "available": {of: available[:, k] for k, of in enumerate(names)}}
    batch |= {"id": ["input/0/0"], "part": "test"}
    every = {**{of: image.numpy() for of, image in images.items()}, "available": available.numpy()}
    fed = {port.name: every[port.name] for port in session.get_inputs()}

    def by_torch() -> np.ndarray:
        with torch.no_grad():
            return method.scores(batch)["score"].numpy()

    def by_runtime() -> np.ndarray:
        return session.run(None, fed)[0]

    gap = float(np.abs(by_torch() - by_runtime()).max())
    theirs, ours = in_turns(by_torch, by_runtime, times)
    return f"{name:8s} {theirs:10.1f} {ours:10.1f} {theirs / ours:8.2f} {len(graph) / 2**20:9.1f} {gap:12.1e}"


def parts(times: int) -> str:
    """Measure what comes before the network, for a picture with one face."""
    picture = next(iter(pictures(1)))
    path = Path(os.environ.get("TMPDIR", "/tmp")) / f"runtime-{os.getpid()}.png"
    cv2.imwrite(str(path), picture[..., ::-1])
    by_torch, by_runtime = MtcnnDetector(), MtcnnDetector(files=as_onnx())
    face = by_runtime.detect([picture])[0][0]
    view, region = View.named("mxnet-256"), (0, 0, picture.shape[1], picture.shape[0])
    decode = least(lambda: read_still(path, "rgb"), times)
    path.unlink()
    theirs, ours = in_turns(lambda: by_torch.detect([picture]), lambda: by_runtime.detect([picture]), times)
    warp = least(lambda: view.render(picture, region, 1.0, face.box, face.landmarks), times)
    size = f"{picture.shape[1]} x {picture.shape[0]}"
    return (
        f"a picture of {size}: decode {decode:.1f} ms, detect (MTCNN) {ours:.1f} ms (by torch {theirs:.1f} ms, "
        f"{theirs / ours:.2f} times), warp to {view} {warp:.2f} ms"
    )


COMMAND = """
import re, sys
from fastrain.cli import main
sys.argv = ["fastrain", "predict", *sys.argv[1:]]
try:
    main()
finally:
    print(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1])
"""


def start(times: int) -> str:
    """Measure 'fastrain predict BUNDLE PICTURE' with a ResNet-18 at 256, from start to exit, self-test included."""
    settings = settings_class("erm")(trunk="resnet18.tv_in1k", pretrained=False)
    graph = graph_of_method(method_class("erm")(settings, n_domains=3, image_size=256), 256)
    seconds, busy, peaks = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        bundle = bundle_of(graph, "box(size=256)", Path(folder) / "resnet18.fasb")
        picture = Path(folder) / "face.png"
        cv2.imwrite(str(picture), next(iter(pictures(1)))[..., ::-1])
        line = [sys.executable, "-c", COMMAND, str(bundle), str(picture)]
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(Path(folder) / "bytecode")}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for _ in range(times + 1):
            before, spent = time.perf_counter(), _of_children()
            done = subprocess.run(line, capture_output=True, text=True, check=True, env=environment)
            seconds.append(time.perf_counter() - before)
            busy.append(_of_children() - spent)
            peaks.append(int(done.stdout.split()[-1]) / 1024)
    return (
        f"fastrain predict BUNDLE PICTURE with a ResNet-18: {min(seconds[1:]):.2f} s, {min(busy[1:]):.2f} s of them a "
        f"processor's; peak {max(peaks):.0f} MiB; least of {times} starts"
    )


def _of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("methods", nargs="*", metavar="METHOD")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--start", action="store_true")
    parser.add_argument("--times", type=int, default=9)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    print(start(asked.times), flush=True)
    if asked.start:
        return
    print(parts(asked.times))
    print(f"{'method':8s} {'torch ms':>10s} {'runtime ms':>10s} {'ratio':>8s} {'MiB':>9s} {'difference':>12s}")
    for name in asked.methods or METHODS:
        print(network(name, asked.quick, asked.times), flush=True)


if __name__ == "__main__":
    main()
