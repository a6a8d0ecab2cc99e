"""The ways to do a step of CDCN, ready for `train_step.py`; and, run by itself, the ways to score eight frames.

Run: python benchmarks/contest_cdcn.py [--size 128] [--repetitions 3] [--threads 1]
"""

from __future__ import annotations

import argparse
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

from benchmarks.literal_cdcn import LiteralCDCN, optimiser, scored, training_step
from fastrain.conformance.memory_context import MemoryContext
from fastrain.methods.cdcn.method import CDCN, normalized
from fastrain.methods.cdcn.published import convert
from fastrain.methods.cdcn.settings import CDCNSettings
from fastrain.networks.innermost import keep_channels_innermost
from fastrain.train.devices import compile_networks

Contestant = tuple[nn.Module, Callable[[], object]]
FRAMES = 8  # of a clip, as published


def contest(options: argparse.Namespace) -> dict[str, Contestant]:
    """Return the contestants; all start from one network of random weights and see one batch."""
    torch.manual_seed(0)
    literal = LiteralCDCN().to(options.device)
    image = torch.rand(options.images, 3, options.size, options.size, device=options.device)
    label, mask = torch.arange(options.images, device=options.device) % 2, _masks(options.images, options.device)
    batch = {"modalities": {"rgb": image}, "label": label, "maps": {"face": mask}}
    given, target, moving = normalized(image), mask[:, 0] * label.view(-1, 1, 1), optimiser(literal)
    contestants: dict[str, Contestant] = {
        "ours": _ours(_method(literal, options.size), batch),
        "literal": (literal, lambda: training_step(literal, moving, given, target)),
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
    """Measure scoring of a clip's frames in processor seconds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    literal = LiteralCDCN().eval()
    ours = _method(literal, options.size, compat="released").eval()
    image = torch.rand(FRAMES, 3, options.size, options.size) + 1 / 255
    ways: dict[str, Callable[[], Tensor]] = {
        "literal": lambda: scored(literal, normalized(image), torch.ones(FRAMES, 32, 32)),
        "ours": lambda: ours.predict({"modalities": {"rgb": image}}),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    with torch.no_grad():
        apart = (ways["literal"]() - ways["ours"]()).abs().max()
        for _ in range(options.repetitions):
            for name, way in ways.items():
                started = time.process_time()
                way()
                times[name].append(time.process_time() - started)
    print(f"{FRAMES} frames of {options.size}, scores differ by {apart:.1e} at most")
    for name, taken in times.items():
        print(f"  {name:8} {median(taken):7.2f} s  {median(taken) / median(times['literal']):5.2f} x literal")


def _masks(count: int, device: str) -> Tensor:
    return (torch.rand(count, 1, 32, 32, device=device) > 0.3).float()


def _method(literal: LiteralCDCN, size: int, **settings: Any) -> CDCN:
    method = CDCN(CDCNSettings(**settings), n_domains=3, image_size=size)
    method.load_state_dict(dict(convert(literal.state_dict()).state))
    return method.to(next(literal.parameters()).device)


def _ours(method: CDCN, batch: dict[str, Any], around: AbstractContextManager[object] | None = None) -> Contestant:
    context = MemoryContext(method, lambda domains: batch)

    def step() -> None:
        with around or nullcontext():
            context.run_step()

    return method, step


if __name__ == "__main__":
    main()
