"""The ways to do a step of MMDGFAS, ready for `train_step.py`; and, run by itself, the ways to score 36 views.

Run: python benchmarks/contest_mmdgfas.py [--images 6] [--repetitions 3] [--threads 1]

Both score the same images from the same weights, in batches of three as published; parameters and checkpoints are
compared too.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from torch import Tensor, nn

from benchmarks.literal_mmdgfas import LiteralMMDGFAS, optimiser, scored, training_step
from fastrain.methods.mmdgfas.method import MMDGFAS, crops36
from fastrain.methods.mmdgfas.published import convert
from fastrain.methods.mmdgfas.settings import MMDGFASSettings
from fastrain.networks.innermost import keep_channels_innermost
from fastrain.train.devices import compile_networks
from tests.fastrain.methods.memory_context import MemoryContext

Contestant = tuple[nn.Module, Callable[[], object]]
SIDE, BATCH = 112, 3


def contest(options: argparse.Namespace) -> dict[str, Contestant]:
    """Return the contestants; all start from one network of random weights and see one batch."""
    torch.manual_seed(0)
    literal = LiteralMMDGFAS().to(options.device)
    images, label = _images(options.images, options.size, options.device), torch.arange(options.images) % 2
    batch, packed = {"modalities": images, "label": label.to(options.device)}, _packed(images)
    moving = optimiser(literal)
    contestants: dict[str, Contestant] = {
        "ours": _ours(_method(literal, options.size), batch),
        "literal": (literal, lambda: training_step(literal, moving, packed, batch["label"])),
    }
    switches = [name for name in ("channels_last", "autocast", "compile") if getattr(options, name)]
    if switches:
        other = _method(literal, options.size)
        if options.channels_last:
            keep_channels_innermost(other)
        if options.compile:
            compile_networks(other)
        around = torch.autocast(options.device, torch.bfloat16) if options.autocast else nullcontext()
        contestants["ours, " + " ".join(switches)] = _ours(other, batch, around)
    return contestants


def main() -> None:
    """Measure scoring (processor seconds), parameters and checkpoints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=6)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    literal = LiteralMMDGFAS().eval()
    ours = _method(literal, SIDE).eval()
    batches = [_images(BATCH, SIDE, "cpu") for _ in range(options.images // BATCH)]
    # The published loader makes the views, so they are not part of its time; ours are made on the fly and are.
    views = [_packed(crops36(images, 48)).unflatten(0, (BATCH, 36)) for images in batches]
    ways: dict[str, Callable[[], list[Tensor]]] = {
        "literal": lambda: [scored(literal, batch) for batch in views],
        "ours": lambda: [ours.predict({"modalities": batch}) for batch in batches],
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    with torch.no_grad():
        same = torch.cat(ways["literal"]()) - torch.cat(ways["ours"]())
        for _ in range(options.repetitions):
            for name, way in ways.items():
                started = time.process_time()
                way()
                times[name].append(time.process_time() - started)
    sizes = {"literal": _sizes(literal), "ours": _sizes(ours)}
    print(f"36 views of {options.images} images, scores differ by {same.abs().max():.1e} at most")
    for name, taken in times.items():
        parameters, file = sizes[name]
        print(
            f"  {name:8} {median(taken):7.2f} s  {median(taken) / median(times['literal']):5.2f} x literal   "
            f"{parameters:,} parameters {parameters / sizes['literal'][0]:5.2f} x   "
            f"checkpoint {file / 2**20:6.1f} MiB {file / sizes['literal'][1]:5.2f} x"
        )


def _method(literal: LiteralMMDGFAS, size: int) -> MMDGFAS:
    method = MMDGFAS(MMDGFASSettings(), n_domains=3, image_size=max(size, SIDE))
    method.load_state_dict(dict(convert(literal.state_dict()).state))
    return method.to(next(literal.parameters()).device)


def _ours(method: MMDGFAS, batch: dict[str, Any], around: AbstractContextManager[object] | None = None) -> Contestant:
    context = MemoryContext(method, lambda domains: batch)

    def step() -> None:
        for parameter in method.parameters():
            parameter.grad = None
        with around or nullcontext():
            context.run_step()

    return method, step


def _images(count: int, size: int, device: str) -> dict[str, Tensor]:
    channels = {"rgb": 3, "depth": 1, "ir": 1}
    return {name: torch.rand(count, n, size, size, device=device) for name, n in channels.items()}


def _packed(images: dict[str, Tensor]) -> Tensor:
    return torch.cat([image.expand(-1, 3, -1, -1) for image in images.values()], dim=1)


def _sizes(network: nn.Module) -> tuple[int, int]:
    file = io.BytesIO()
    torch.save(network.state_dict(), file)
    return sum(parameter.numel() for parameter in network.parameters()), len(file.getbuffer())


if __name__ == "__main__":
    main()
