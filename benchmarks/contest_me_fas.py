"""The ways to do a step of ME-FAS, ready for `train_step.py`; and, run by itself, the ways to score images.

Run: python benchmarks/contest_me_fas.py [--images 8] [--layers 12] [--repetitions 3] [--threads 1]

Both score the same images from the same weights, in batches of four. The network has its full width; `--layers` makes
it shallower. Images are always of 224 pixels; of `--images`, a third each are the base and the two views.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from torch import Tensor, nn

from benchmarks.literal_me_fas import LiteralMEFAS, optimiser, scored, training_step
from fastrain.methods.me_fas.method import MEAN, MEFAS, STD
from fastrain.methods.me_fas.published import convert
from fastrain.methods.me_fas.settings import MEFASSettings
from fastrain.networks.clip import tokenized
from fastrain.networks.innermost import keep_channels_innermost
from fastrain.networks.trunk import normalized
from fastrain.train.devices import compile_networks
from tests.fastrain.methods.memory_context import MemoryContext

Contestant = tuple[nn.Module, Callable[[], object]]
SIDE, BATCH, VIEWS = 224, 4, 3


def contest(options: argparse.Namespace) -> dict[str, Contestant]:
    """Return the contestants; all start from one network of random weights and see one batch."""
    literal = literal_network(getattr(options, "layers", 12)).to(options.device)
    count = max(2, options.images // VIEWS)
    views = [torch.rand(count, 3, SIDE, SIDE, device=options.device) for _ in range(VIEWS)]
    label = torch.arange(count, device=options.device) % 2
    seen, moving = [normalized(view, MEAN, STD) for view in views], optimiser(literal)
    batch = {"views": [{"rgb": view} for view in views], "label": label}
    contestants: dict[str, Contestant] = {
        "ours": _ours(same_network(literal), batch),
        "literal": (literal, lambda: training_step(literal, moving, seen, label)),
    }
    switches = [name for name in ("channels_last", "autocast", "compile") if getattr(options, name)]
    if switches:
        other = same_network(literal)
        if options.channels_last:
            keep_channels_innermost(other)
        if options.compile:
            compile_networks(other)
        around = torch.autocast(options.device, torch.bfloat16) if options.autocast else nullcontext()
        contestants["ours, " + " ".join(switches)] = _ours(other, batch, around)
    return contestants


def main() -> None:
    """Measure scoring, in processor seconds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    literal = literal_network(options.layers)
    ours = same_network(literal).eval()
    batches = torch.rand(options.images, 3, SIDE, SIDE).split(BATCH)
    ways: dict[str, Callable[[], list[Tensor]]] = {
        "literal": lambda: [scored(literal, normalized(x, MEAN, STD), torch.zeros(len(x)).long()) for x in batches],
        "ours": lambda: [ours.predict({"modalities": {"rgb": x}}) for x in batches],
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    with torch.no_grad():
        for repetition in range(options.repetitions + 1):
            for name, way in ways.items():
                started = time.process_time()
                way()
                if repetition:  # the first one warms up
                    times[name].append(time.process_time() - started)
    print(f"scores of {options.images} images of {SIDE}, median of {options.repetitions}")
    for name, taken in times.items():
        print(f"  {name:8} {median(taken):7.2f} s  {median(taken) / median(times['literal']):5.2f} x literal")


def literal_network(layers: int) -> LiteralMEFAS:
    """Return the literal network of random weights."""
    torch.manual_seed(0)
    return LiteralMEFAS(tokenized(["a photo of a spoof face.", "a photo of a real face."]), layers, min(9, layers))


def same_network(literal: LiteralMEFAS) -> MEFAS:
    """Return our method with the weights of the literal network."""
    published = convert(literal.state_dict())
    layers = {"layers": literal.layers}
    settings = MEFASSettings(**published.model, clip_kwargs={"vision_cfg": layers, "text_cfg": layers})
    method = MEFAS(settings, n_domains=1, image_size=SIDE)
    method.load_state_dict(dict(published.state))
    method.network.batches_seen += 1  # as after training: the text sees running means
    return method.to(next(literal.parameters()).device)


def _ours(method: MEFAS, batch: dict, around: AbstractContextManager[object] | None = None) -> Contestant:
    context = MemoryContext(method, lambda domains: batch)

    def step() -> None:
        for parameter in method.parameters():
            parameter.grad = None
        with around or nullcontext():
            context.run_step()

    return method, step


if __name__ == "__main__":
    main()
