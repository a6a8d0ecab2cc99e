"""The ways to do an iteration of HFN_MP, ready for `train_step.py`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from benchmarks.literal_hfn_mp import LiteralHFNMP
from fastrain.methods.base import Batch
from fastrain.methods.hfn_mp.method import HFNMP
from fastrain.methods.hfn_mp.published import to_reference
from fastrain.methods.hfn_mp.settings import HFNMPSettings
from fastrain.networks.innermost import keep_channels_innermost
from fastrain.train.devices import compile_networks
from tests.fastrain.methods.memory_context import MemoryContext

DOMAINS = 3
INNER_LOOPS = 4
Contestant = tuple[nn.Module, Callable[[], object]]


def contest(options: argparse.Namespace) -> dict[str, Contestant]:
    """Return the contestants; all start from one network of random weights and see the same images.

    Of `options.images`, two thirds are one iteration's batch for the fusion network and a third each of the
    extractor's: with 24, as published, four of every class and domain.
    """
    torch.manual_seed(0)
    start = _method(options)
    per_group = max(1, options.images // (2 * DOMAINS))
    pictures = torch.rand(DOMAINS, 2 * per_group, 3, options.size, options.size, device=options.device)
    labels = torch.tensor([1] * per_group + [0] * per_group, device=options.device)

    def draw(domains: Sequence[int]) -> tuple[Tensor, Tensor]:
        return pictures[list(domains)].flatten(0, 1), labels.repeat(len(domains))

    literal = LiteralHFNMP(lr=0.001, inner_loops=INNER_LOOPS)
    literal.extractor.load_state_dict(start.extractor.state_dict())
    literal.network.load_state_dict({to_reference(k): v for k, v in start.hfn.state_dict().items()})
    literal.extractor.to(options.device)
    literal.network.to(options.device)
    literal.optimisers()
    both = nn.ModuleList([literal.extractor, literal.network])
    plain = _method(options, mode="sync")
    contestants: dict[str, Contestant] = {
        "literal": (both, lambda: literal.iteration([0, 1], [2], draw)),
        "ours": _ours(_copied(start, options), draw),
        "plain": _ours(plain, draw),
    }
    switches = [name for name in ("channels_last", "autocast", "compile") if getattr(options, name)]
    if switches:
        if options.channels_last:
            keep_channels_innermost(start)
        if options.compile:
            compile_networks(start)
        around = torch.autocast(options.device, torch.bfloat16) if options.autocast else nullcontext()
        contestants["ours, " + " ".join(switches)] = _ours(start, draw, around)
    return contestants


def _method(options: argparse.Namespace, mode: str = "meta") -> HFNMP:
    settings = HFNMPSettings(pretrained=False, mode=mode, inner_loops=INNER_LOOPS)
    return HFNMP(settings, n_domains=DOMAINS, image_size=options.size).to(options.device)


def _copied(start: HFNMP, options: argparse.Namespace) -> HFNMP:
    other = _method(options)
    other.load_state_dict(start.state_dict())
    return other


def _ours(
    method: HFNMP,
    draw: Callable[[Sequence[int]], tuple[Tensor, Tensor]],
    around: AbstractContextManager[object] | None = None,
) -> Contestant:
    def batch(domains: Sequence[int]) -> Batch:
        image, label = draw(domains)
        return {"modalities": {"rgb": image}, "label": label}

    context = MemoryContext(method, batch)

    def step() -> None:
        with around or nullcontext():
            context.run_step()

    return method, step
