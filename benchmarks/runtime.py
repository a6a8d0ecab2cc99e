"""Where the time of a prediction goes, and torch's time over the runtime's, on one thread of a processor.

    python benchmarks/runtime.py                  every method at the size of its configuration, from scratch
    python benchmarks/runtime.py erm gac_fas      some of them
    python benchmarks/runtime.py --quick          small networks, to see that it runs

Weights do not matter to the time, so none are fetched. Each pair is measured in turns in one process, the least of
several times counts. Exporting ME-FAS takes a few minutes and 3 GiB.
"""

from __future__ import annotations

import argparse
import os
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
from fastrain.methods.registry import method_class, settings_class

SIDES = {
    "cdcn": 256,
    "erm": 256,
    "gac_fas": 256,
    "hfn_mp": 256,
    "me_fas": 224,
    "mmdgfas": 112,
    "sa_fas": 256,
    "ssdg": 256,
}
FULL: dict[str, dict[str, Any]] = {
    "cdcn": {},
    "erm": {"trunk": "resnet18.tv_in1k"}, "gac_fas": {}, "hfn_mp": {}, "me_fas": {}, "mmdgfas": {},
    "sa_fas": {}, "ssdg": {},
}  # fmt: skip
TRUNK = {"trunk": "resnet10t", "trunk_kwargs": {"channels": [8, 16, 16, 24], "stem_width": 8}}
QUICK: dict[str, dict[str, Any]] = {
    "cdcn": {"width": 16},
    "erm": TRUNK, "gac_fas": TRUNK, "sa_fas": TRUNK, "ssdg": TRUNK,
    "hfn_mp": {**TRUNK, "pyramid_width": 8}, "mmdgfas": {"planes": 16},
    "me_fas": {"clip_kwargs": {
        "embed_dim": 16, "vision_cfg": {"layers": 2, "width": 32, "head_width": 16, "patch_size": 16},
        "text_cfg": {"layers": 2, "width": 16, "heads": 2},
    }},
}  # fmt: skip


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
    side = SIDES[name]
    settings = {**(QUICK if quick else FULL)[name]}
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


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("methods", nargs="*", metavar="METHOD")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--times", type=int, default=9)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    print(parts(asked.times))
    print(f"{'method':8s} {'torch ms':>10s} {'runtime ms':>10s} {'ratio':>8s} {'MiB':>9s} {'difference':>12s}")
    for name in asked.methods or SIDES:
        print(network(name, asked.quick, asked.times), flush=True)


if __name__ == "__main__":
    main()
