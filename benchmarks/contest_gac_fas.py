"""The ways to do a step of GAC-FAS, ready for `train_step.py`."""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import nn

from benchmarks.literal_gac_fas import LiteralGACFAS
from fastrain.methods.gac_fas.method import GACFAS
from fastrain.methods.gac_fas.settings import GACFASSettings
from fastrain.networks.innermost import keep_channels_innermost
from fastrain.train.devices import compile_networks
from tests.fastrain.methods.memory_context import MemoryContext

DOMAINS = 3
Contestant = tuple[nn.Module, Callable[[], object]]


def contest(options: argparse.Namespace) -> dict[str, Contestant]:
    """Return the contestants; all start from one network of random weights and see one batch."""
    torch.manual_seed(0)
    start = _method(options, minimizer_warming=0)
    views = [torch.rand(options.images // 2, 3, options.size, options.size, device=options.device) for _ in range(2)]
    number = torch.arange(options.images // 2, device=options.device)
    label, domain = number % 2, number % DOMAINS
    batch = {"views": [{"rgb": v} for v in views], "label": label, "domain": domain, "group": 2 * domain + label}
    literal = LiteralGACFAS(copy.deepcopy(start.network))
    plain = _method(options, minimizer_warming=99)
    plain.network.load_state_dict(start.network.state_dict())
    contestants: dict[str, Contestant] = {
        "literal": (literal.network, lambda: literal.step(views[0], views[1], label, domain)),
        "ours": _ours(copy.deepcopy(start), batch),
        "plain": _ours(plain, batch),
    }
    switches = [name for name in ("channels_last", "autocast", "compile") if getattr(options, name)]
    if switches:
        if options.channels_last:
            keep_channels_innermost(start)
        if options.compile:
            compile_networks(start)
        around = torch.autocast(options.device, torch.bfloat16) if options.autocast else nullcontext()
        contestants["ours, " + " ".join(switches)] = _ours(start, batch, around)
    return contestants


def _method(options: argparse.Namespace, *, minimizer_warming: int) -> GACFAS:
    settings = GACFASSettings(
        pretrained=False,
        behaviour="literal",
        normalize=False,  # the literal one is given images as they are, too
        warming_epochs=0,
        minimizer_warming=minimizer_warming,
    )
    return GACFAS(settings, n_domains=DOMAINS, image_size=options.size).to(options.device)


def _ours(method: GACFAS, batch: dict[str, Any], around: AbstractContextManager[object] | None = None) -> Contestant:
    context = MemoryContext(method, lambda domains: batch)

    def step() -> None:
        for parameter in method.parameters():
            parameter.grad = None
        with around or nullcontext():
            context.run_step()

    return method.network, step
