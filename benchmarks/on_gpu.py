"""What a card does for this product, in one command and a few minutes, without a download.

Run: python benchmarks/on_gpu.py --out on_gpu [--minutes 8] [--device cuda] [--size full] [--parts steps onnx …]

Writes `on_gpu.json` and `on_gpu.md` into the folder. Everything is made here: rendered people, a pack, networks of
random weights at the size of their configurations. Each part has its share of the minutes; what there was no time left
for is told, and what fails is told with its reason and stops nothing else. On a machine without a card the same
measures run on its processor (`--device cpu`), with `--size toy` in seconds: that shows that they work, not how fast
anything is.

  machine      what this is, and its own rate of matrix products in bf16 and fp32 (TF32 off)
  extraction   equal hashes of clips between frames one by one and in eights, and between processor and card; frames/s
  feeding      the loader against a step: images/s of each and of both, and the share that the step waits
  evaluation   images/s of scoring, and of the network alone
  onnx         ONNX Runtime's outputs against torch's, of MTCNN and three methods, by provider
  processes    two processes on the card against one
  steps        a step of each method in fp32, bf16, channels last, compiled: time, memory, share of the card's bf16
               rate, and the curve of its losses against that of fp32
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

from benchmarks import on_gpu_tables
from benchmarks.on_gpu_extraction import extraction
from benchmarks.on_gpu_feeding import evaluation, feeding, onnx_parity, world_in
from benchmarks.on_gpu_steps import ALL_METHODS, MATRIX, WAYS, Case, matrix_rates, processes, steps

# Parts in their order, with the share of the time that may be spent when each has ended.
PARTS = {"machine": 0.05, "extraction": 0.25, "feeding": 0.4, "evaluation": 0.45, "onnx": 0.52, "processes": 0.6,
         "steps": 1.0}  # fmt: skip


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    """Measure, write both files, and return what the first one holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--size", choices=["full", "toy"], default="full" if torch.cuda.is_available() else "toy")
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--methods", nargs="+", choices=ALL_METHODS, default=list(ALL_METHODS))
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args(arguments)
    if options.device != "cpu" and not torch.cuda.is_available():
        parser.error("there is no CUDA device here; --device cpu --size toy runs the same measures on the processor")
    options.out.mkdir(parents=True, exist_ok=True)
    report = measured(options)
    (options.out / "on_gpu.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    (options.out / "on_gpu.md").write_text(on_gpu_tables.page(report), encoding="utf-8")
    print(f"{options.out / 'on_gpu.json'} and {options.out / 'on_gpu.md'}: {report['seconds']:.0f} s")
    return report


def measured(options: argparse.Namespace) -> dict[str, Any]:
    """Return everything that was measured, part by part."""
    started = time.monotonic()
    report: dict[str, Any] = {"device": options.device, "size": options.size, "parts": {}, "left_out": []}
    with tempfile.TemporaryDirectory() as folder:
        measures = _measures(options, Path(folder), report)
        for part, share in PARTS.items():
            if part in options.parts:
                begun, until = time.monotonic(), started + 60 * options.minutes * share
                try:
                    report["parts"][part] = measures[part](until)
                except Exception as error:
                    reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
                    report["parts"][part] = {"failed": reason}
                print(f"{part}: {time.monotonic() - begun:.1f} s", flush=True)
    report["seconds"] = time.monotonic() - started
    return report


def _measures(
    options: argparse.Namespace, folder: Path, report: dict[str, Any]
) -> dict[str, Callable[[float], object]]:
    toy, device = options.size == "toy", options.device
    case = Case("erm", toy, device)
    worlds: list[Any] = []

    def world() -> Any:
        if not worlds:
            worlds.append(world_in(folder / "world", 64 if toy else 300, 4 if toy else 12))
        return worlds[0]

    return {
        "machine": lambda until: machine(device, options.size),
        "extraction": lambda until: extraction(device, *((2, 3) if toy else (8, 24))),
        "feeding": lambda until: feeding(case, world(), options.workers, *((2, 0.05) if toy else (16, 4.0))),
        "evaluation": lambda until: evaluation(case, world(), options.workers, 8 if toy else 64),
        "onnx": lambda until: onnx_parity(case, () if toy else ("erm", "gac_fas", "mmdgfas")),
        "processes": lambda until: processes("erm", toy, device, 0.3 if toy else 5.0),
        "steps": lambda until: list(_all_steps(options, report, until)),
    }


def _all_steps(options: argparse.Namespace, report: dict[str, Any], until: float) -> Iterator[dict[str, Any]]:
    """Yield the steps of all methods, in all ways but the compiled first; compiled ones as long as there is time."""
    toy = options.size == "toy"
    rates = report["parts"].get("machine") or {}
    rate = rates.get("tflops", {}).get("bf16") or matrix_rates(options.device, MATRIX[options.size])["bf16"]
    plain = tuple(way for way in WAYS if "compile" not in way)
    rounds = [plain] if options.device == "cpu" else [plain, (WAYS[0], WAYS[-1])]
    for ways in rounds:
        for name in options.methods:
            if time.monotonic() > until:
                report["left_out"].append(f"steps of {name}, {ways[-1]}: no time left")
                continue
            case = Case(name, toy, options.device)
            try:
                rows = list(steps(case, ways, *((1, 3) if toy else (5, 24)), rate))
            except Exception as error:
                rows = [
                    {
                        "method": name,
                        "way": ways[0],
                        "failed": " ".join(f"{type(error).__name__}: {error}".split())[:200],
                    }
                ]
            yield from rows if ways is plain else rows[1:]
            if options.device != "cpu":
                torch.cuda.empty_cache()
    if len(rounds) == 1:
        report["left_out"].append("compiled steps: they are for CUDA")


def machine(device: str, size: str) -> dict[str, Any]:
    """Return what this machine is and how fast it multiplies matrices."""
    about: dict[str, Any] = {
        "python": platform.python_version(), "torch": torch.__version__, "cores": len(os.sched_getaffinity(0)),
        "processor": _processor(), "threads": torch.get_num_threads(),
    }  # fmt: skip
    if device != "cpu":
        card = torch.cuda.get_device_properties(torch.device(device))
        about |= {"card": card.name, "gib": card.total_memory / 2**30, "cuda": torch.version.cuda,
                  "capability": f"{card.major}.{card.minor}", "cudnn": torch.backends.cudnn.version()}  # fmt: skip
    return {**about, "tflops": matrix_rates(device, MATRIX[size])}


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main()
