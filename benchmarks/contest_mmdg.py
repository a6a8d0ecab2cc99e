"""The ways to do a step of MMDG, ready for `train_step.py`: at the published size, from scratch."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.literal_mmdg import LiteralMMDG, optimiser, training_step
from fastrain.conformance.memory_context import MemoryContext
from fastrain.methods.mmdg.method import MMDG, normalised
from fastrain.methods.mmdg.published import convert
from fastrain.methods.mmdg.settings import MMDGSettings
from fastrain.train.devices import compile_networks

Contestant = tuple[nn.Module, Callable[[], object]]
CHANNELS = {"rgb": 3, "depth": 1, "ir": 1}


def contest(options: argparse.Namespace) -> dict[str, Contestant]:
    """Return the contestants; all start from one network of random weights and see one batch."""
    torch.manual_seed(0)
    literal = LiteralMMDG().to(options.device)
    images = {name: torch.rand(options.images, n, 224, 224, device=options.device) for name, n in CHANNELS.items()}
    label, domain = (torch.arange(options.images, device=options.device) % n for n in (2, 3))
    batch = {"modalities": images, "label": label, "domain": domain}
    shown = [normalised(image).expand(-1, 3, -1, -1) for image in images.values()]
    classes = torch.where(label == 1, 1, domain + (domain >= 1))
    prototypes = torch.randn(3, 5, 768, device=options.device)
    moving = optimiser(literal)
    method = _method(literal, prototypes)
    contestants: dict[str, Contestant] = {
        "ours": _ours(method, batch),
        "literal": (literal, lambda: training_step(literal, moving, shown, classes, prototypes)),
    }
    switches = [name for name in ("autocast", "compile") if getattr(options, name)]
    if switches:
        other = _method(literal, prototypes)
        if options.compile:
            compile_networks(other)
        around = torch.autocast(options.device, torch.bfloat16) if options.autocast else nullcontext()
        contestants["ours, " + " ".join(switches)] = _ours(other, batch, around)
    return contestants


def _method(literal: LiteralMMDG, prototypes: Tensor) -> MMDG:
    method = MMDG(MMDGSettings(pretrained=False), n_domains=3, image_size=224)
    method.load_state_dict(dict(convert(literal.state_dict()).state))
    method.prototypes.copy_(prototypes)
    method.known.fill_(True)
    return method.to(prototypes.device)


def _ours(method: MMDG, batch: dict[str, Any], around: AbstractContextManager[object] | None = None) -> Contestant:
    context = MemoryContext(method, lambda domains: batch)

    def step() -> None:
        for parameter in method.parameters():
            parameter.grad = None
        method.train()
        with around or nullcontext():
            method.training_step(batch, context)

    return method, step
