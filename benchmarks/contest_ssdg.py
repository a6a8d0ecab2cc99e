"""The ways to do a step of SSDG, ready for `train_step.py`."""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.literal_ssdg import LiteralSSDG
from fastrain.methods.ssdg.method import SSDG
from fastrain.methods.ssdg.settings import SSDGSettings
from fastrain.networks.innermost import keep_channels_innermost
from fastrain.train.devices import compile_networks
from tests.fastrain.methods.memory_context import MemoryContext

DOMAINS = 3
Contestant = tuple[nn.Module, Callable[[], object]]


def contest(options: argparse.Namespace) -> dict[str, Contestant]:
    """Return the contestants; all start from one network of random weights and see one batch."""
    torch.manual_seed(0)
    settings = SSDGSettings(pretrained=False, normalize=False)  # the literal one is given images as they are, too
    start = SSDG(settings, n_domains=DOMAINS, image_size=options.size).to(options.device)
    images = torch.rand(options.images, 3, options.size, options.size, device=options.device)
    number = torch.arange(options.images, device=options.device)
    label, domain = number % 2, number % DOMAINS
    batch = {"modalities": {"rgb": images}, "label": label, "domain": domain}
    literal = LiteralSSDG(copy.deepcopy(start.network), copy.deepcopy(start.discriminator))
    contestants: dict[str, Contestant] = {
        "literal": (literal.network, lambda: literal.step(images, label, domain)),
        "ours": _ours(copy.deepcopy(start), batch),
        "plain": _plain(copy.deepcopy(start), batch),
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


def _ours(method: SSDG, batch: dict[str, Any], around: AbstractContextManager[object] | None = None) -> Contestant:
    context = MemoryContext(method, lambda domains: batch)

    def step() -> None:
        for parameter in method.parameters():
            parameter.grad = None
        with around or nullcontext():
            context.run_step()

    return method.network, step


def _plain(method: SSDG, batch: dict[str, Any]) -> Contestant:
    """Cross entropy alone, with the same optimiser."""
    optimiser = method.configure()["all"].optimizer

    def step() -> None:
        method.train()
        optimiser.zero_grad()
        F.cross_entropy(method.network(batch["modalities"]["rgb"])[1], batch["label"]).backward()
        optimiser.step()

    return method.network, step
