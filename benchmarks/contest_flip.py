"""The ways to do a step of FLIP's variants, ready for `train_step.py`; and, run by itself, the ways to score images.

Run: python benchmarks/contest_flip.py [--images 20] [--layers 12] [--repetitions 3] [--threads 1], or with --work

`--work` counts the arithmetic of a step of each variant at its published size, 24 base images, and computes nothing.
Otherwise both score the same images by variant it from the same weights, in batches of ten, as published. The network
has its full width; `--layers` makes it shallower. Images are always of 224 pixels; in a step `--images` counts all
views.
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
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.literal_flip import Literal, LiteralIT, LiteralMCL, LiteralV, Sizes, optimiser, scored, training_step
from fastrain.conformance.memory_context import MemoryContext
from fastrain.methods.flip.method import FLIP
from fastrain.methods.flip.published import convert
from fastrain.methods.flip.settings import FLIPSettings, Text
from fastrain.networks.clip import tokenized
from fastrain.networks.innermost import keep_channels_innermost
from fastrain.networks.trunk import imagenet_normalized
from fastrain.train.devices import compile_networks

Contestant = tuple[nn.Module, Callable[[], object]]
KINDS: dict[str, type[Literal]] = {"v": LiteralV, "it": LiteralIT, "mcl": LiteralMCL}
SIDE, BATCH = 224, 10


def v(options: argparse.Namespace) -> dict[str, Contestant]:
    """Return the contestants of variant v."""
    return contest(options, "v")


def it(options: argparse.Namespace) -> dict[str, Contestant]:
    """Return the contestants of variant it."""
    return contest(options, "it")


def mcl(options: argparse.Namespace) -> dict[str, Contestant]:
    """Return the contestants of variant mcl."""
    return contest(options, "mcl")


def contest(options: argparse.Namespace, variant: str) -> dict[str, Contestant]:
    """Return the contestants of a variant; all start from one network of random weights and see one batch."""
    literal = literal_network(variant, getattr(options, "layers", 12)).to(options.device)
    method = same_network(literal, variant)
    count = max(2, options.images // method.views)
    views = [torch.rand(count, 3, SIDE, SIDE, device=options.device) for _ in range(method.views)]
    label = torch.arange(count, device=options.device) % 2
    seen, moving = [imagenet_normalized(view) for view in views], optimiser(literal)
    batch = {"modalities": {"rgb": views[0]}, "views": [{"rgb": view} for view in views], "label": label}
    contestants: dict[str, Contestant] = {
        "ours": _ours(method, batch),
        "literal": (literal, lambda: training_step(literal, moving, seen, label)),
    }
    switches = [name for name in ("channels_last", "autocast", "compile") if getattr(options, name)]
    if switches:
        other = same_network(literal, variant)
        if options.channels_last:
            keep_channels_innermost(other)
        if options.compile:
            compile_networks(other)
        around = torch.autocast(options.device, torch.bfloat16) if options.autocast else nullcontext()
        contestants["ours, " + " ".join(switches)] = _ours(other, batch, around)
    return contestants


def work(variant: str, images: int = 24) -> dict[str, int]:
    """Return the floating-point operations of a step, forward and backward, of both; the optimiser's are left out."""
    literal = literal_network(variant, 12)
    method = same_network(literal, variant).to("meta").train()
    literal.to("meta").train()
    views = [torch.empty(images, 3, SIDE, SIDE, device="meta") for _ in range(method.views)]
    ways: dict[str, Callable[[], list[Tensor]]] = {
        "literal": lambda: _literal_outputs(literal, views),
        "ours": lambda: _our_outputs(method, views),
    }
    counted = {}
    for name, outputs in ways.items():
        with FlopCounterMode(display=False) as counter:
            torch.stack([output.sum() for output in outputs()]).sum().backward()
        counted[name] = counter.get_total_flops()
    return counted


def _literal_outputs(literal: Literal, views: list[Tensor]) -> list[Tensor]:
    """Return all that the losses are computed of, which costs next to nothing more."""
    if isinstance(literal, LiteralV):
        return [literal(views[0])]
    text = [literal.model.encode_text(ids) for ids in (literal.ids[:6], literal.ids[6:])]
    images = [literal.model.encode_image(view) for view in views]
    heads = [literal.image_mlp(view) for view in images[1:]] if isinstance(literal, LiteralMCL) else []
    return [*text, *images, *heads]


def _our_outputs(method: FLIP, views: list[Tensor]) -> list[Tensor]:
    outputs = method.network(torch.cat(views))
    if isinstance(outputs, Tensor):
        return [outputs]
    features, text = outputs
    return [features, text, *(method.head(view) for view in features.chunk(3)[1:] if method.views > 1)]


def main() -> None:
    """Measure scoring, in processor seconds, or count the arithmetic of steps."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--work", action="store_true")
    options = parser.parse_args()
    if options.work:
        for variant in KINDS:
            counted = work(variant)
            shares = ", ".join(f"{name} {number / 1e12:.3f}e12" for name, number in counted.items())
            print(f"flip_{variant}: {shares}, {counted['ours'] / counted['literal']:.3f} x literal")
        return
    torch.set_num_threads(options.threads)
    literal = literal_network("it", options.layers)
    ours = same_network(literal, "it")
    batches = torch.rand(options.images, 3, SIDE, SIDE).split(BATCH)

    def at_once() -> list[Tensor]:
        ours.eval()  # as an evaluation begins: the text is read anew
        return [ours.predict({"modalities": {"rgb": batch}}) for batch in batches]

    ways: dict[str, Callable[[], list[Tensor]]] = {
        "literal": lambda: [scored(literal, imagenet_normalized(batch)) for batch in batches],
        "ours": at_once,
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


def literal_network(variant: str, layers: int) -> Literal:
    """Return the literal network of random weights."""
    torch.manual_seed(0)
    text = Text.model_validate({})
    sizes = Sizes(layers=layers, text_layers=layers, ids=tokenized([*text.attack, *text.bonafide]))
    return KINDS[variant](sizes)


def same_network(literal: Literal, variant: str) -> FLIP:
    """Return our method with the weights of the literal network."""
    published = convert(literal.state_dict())
    visual = literal.backbone.vit if isinstance(literal, LiteralV) else literal.model.visual
    layers = {"layers": len(visual.transformer.resblocks)}
    settings = FLIPSettings(**published.model, clip_kwargs={"vision_cfg": layers, "text_cfg": layers})
    method = FLIP(settings, n_domains=1, image_size=SIDE)
    method.load_state_dict(dict(published.state))
    return method.to(next(literal.parameters()).device)


def _ours(method: FLIP, batch: dict, around: AbstractContextManager[object] | None = None) -> Contestant:
    context = MemoryContext(method, lambda domains: batch)

    def step() -> None:
        for parameter in method.parameters():
            parameter.grad = None
        with around or nullcontext():
            context.run_step()

    return method, step


if __name__ == "__main__":
    main()
