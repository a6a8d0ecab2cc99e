"""What a preset of `erm` costs: parameters, learnt ones, checkpoint, peak memory, seconds of a step and of a score.

Run: python benchmarks/trunks.py [--preset dinov2 …] [--images 24] [--repetitions 3] [--threads 1]

Each preset is measured in a process of its own, on random images of its size and a file of random weights (costs do not
depend on their values), with the optimiser and the batch that it trains with. Memory is the process's peak of resident
memory over all steps, less what it had with its libraries imported. Seconds are medians: of the processor, and of the
clock, which means little on a machine with other work.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

PRESETS = ("", "resnet18", "clip-linear", "dinov2", "clip-lora", "start")


def measured(preset: str, options: argparse.Namespace) -> dict[str, Any]:
    """Return the costs of a preset, "" for the method's defaults, by name."""
    import torch
    from safetensors.torch import save_file

    from fasdata.faces.view import View
    from fastrain.conformance.memory_context import MemoryContext
    from fastrain.conformance.toys import images, unlabelled
    from fastrain.methods.erm.method import ERM
    from fastrain.methods.erm.settings import ERMSettings
    from fastrain.networks.trunk import pooled_trunk
    from fastrain.run.settings import layered, resolve
    from fastrain.train.training_state import Progress, pack

    torch.set_num_threads(options.threads)
    config = resolve(layered("erm", preset or None))
    size = View.named(config.data.view or ERM.default_view, config.data.image_size).size
    before = peak_mib()
    with TemporaryDirectory() as folder:
        file = Path(folder) / "weights.safetensors"
        save_file(pooled_trunk(config.model["trunk"], config.model["trunk_kwargs"])[0].state_dict(), file)
        method = ERM(ERMSettings(**{**config.model, "pretrained": str(file)}), n_domains=3, image_size=size)
        per_group = max(1, options.images // 6)
        batch = images(range(3), per_group=per_group, size=size, views=1)
        context = MemoryContext(method, lambda domains: batch)
        steps = [timed(context.run_step) for _ in range(options.repetitions + 1)][1:]
        peak = peak_mib() - before
        checkpoint = Path(folder) / "last.safetensors"
        pack(method, context.specs, Progress(1, 0.0, None, {}, [], {}, {})).write(checkpoint)
        written = checkpoint.stat().st_size / 2**20
    method.eval()
    one_face = unlabelled(images(range(1), per_group=1, size=size, views=1))
    with torch.no_grad():
        scores = [timed(lambda: method.predict(one_face)) for _ in range(options.repetitions + 1)][1:]
    return {
        "parameters": sum(parameter.numel() for parameter in method.parameters()),
        "learnt": sum(parameter.numel() for parameter in method.parameters() if parameter.requires_grad),
        "checkpoint": written,
        "peak": peak,
        "step": [median(column) for column in zip(*steps, strict=True)],
        "score": median(processor for processor, _ in scores) / len(one_face["id"]),
        "images": len(batch["label"]),
        "size": size,
    }


def timed(work: Any) -> tuple[float, float]:
    """Return seconds of the processor and of the clock."""
    processor, clock = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - processor, time.perf_counter() - clock


def peak_mib() -> float:
    """Return the most resident memory that this process ever had, in MiB (Linux counts KiB)."""
    return getrusage(RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Read the options, measure each preset in a process of its own, and print a row for each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--preset", nargs="*", default=list(PRESETS), help="'' = the defaults")
    parser.add_argument("--images", type=int, default=24, help="in a batch")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--alone", action="store_true", help="measure the one preset in this process, print JSON")
    options = parser.parse_args()
    if options.alone:
        print(json.dumps(measured(options.preset[0], options)))
        return
    print("| preset | parameters | learnt | checkpoint, MiB | peak, MiB | step, s: processor, clock | one face, ms |")
    print("|-|-|-|-|-|-|-|")
    for preset in options.preset:
        numbers = [f"--{name}={getattr(options, name)}" for name in ("images", "repetitions", "threads")]
        command = [sys.executable, __file__, "--alone", f"--preset={preset}", *numbers]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        row = json.loads(done.stdout.splitlines()[-1])
        processor, clock = row["step"]
        cells = [
            f"{preset or '(defaults)'} at {row['size']}",
            f"{row['parameters'] / 1e6:.1f} M",
            f"{row['learnt'] / 1e6:.2f} M",
            f"{row['checkpoint']:.1f}",
            f"{row['peak']:.0f}",
            f"{processor:.2f}, {clock:.2f} ({row['images']} images)",
            f"{1000 * row['score']:.0f}",
        ]
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
