"""Every method, small enough to train in a blink, and images that a network can tell apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from fastrain.methods.base import Batch, Method
from fastrain.methods.registry import method_class, settings_class
from tests.fastrain.methods.memory_context import MemoryContext

SIZE = 32
DOMAINS = 3
TRUNK = {"trunk": "resnet10t", "trunk_kwargs": {"channels": [8, 16, 16, 24], "stem_width": 8}, "pretrained": False}
TINY: dict[str, dict[str, Any]] = {
    "erm": {**TRUNK, "lr": 0.02},
    "gac_fas": {**TRUNK, "warming_epochs": 0, "minimizer_warming": 0, "lr": 0.02, "contrastive_weight": 0.05},
    "me_fas": {
        "clip_kwargs": {
            "embed_dim": 16,
            "vision_cfg": {"layers": 2, "width": 32, "head_width": 16, "patch_size": 8},
            "text_cfg": {"layers": 2, "width": 16, "heads": 2},
        },
        "pretrained": False,
        "prompts": {"depth": 2},
        "fusion_width": 8,
        "head_width": 16,
        "head_out": 8,
        "lr": 0.003,
        "losses": {"simclr": 0.05},
    },
    "mmdgfas": {"planes": 16, "crop": SIZE, "eval_views": "full", "dropout": 0.0, "lr": 0.02, "momentum": 0.5},
    "hfn_mp": {**TRUNK, "pyramid_width": 8, "optimiser": "adam", "meta_lr": 0.01, "inner_loops": 1},
}


def tiny(name: str, *, seed: int = 0, size: int = SIZE, **changes: Any) -> Method:
    """Return a small network of the method `name`, with `changes` to its settings."""
    torch.manual_seed(seed)
    settings = settings_class(name)(**{**TINY[name], **changes})
    return method_class(name)(settings, n_domains=DOMAINS, image_size=size)


def images(domains: Sequence[int], *, per_group: int = 2, size: int = SIZE, seed: int = 0, views: int = 2) -> Batch:
    """Return a fixed batch: bona fide images smooth, attacks striped, each domain of its own brightness."""
    generator = torch.Generator().manual_seed(seed)
    stripes = 0.3 * (torch.arange(size) % 4 < 2).float().expand(3, size, size)
    pictures, labels, groups = [], [], []
    # depth and ir come from rgb: drawing them would change what `seed` means for rgb
    for domain in domains:
        for label in (1, 0):
            noise = 0.1 * torch.rand(per_group, 3, size, size, generator=generator)
            pictures.append(0.2 + 0.1 * domain + noise + (0 if label else stripes))
            labels += [label] * per_group
            groups += [2 * domain + label] * per_group
    group, rgb = torch.tensor(groups), torch.cat(pictures)
    modalities = {"rgb": rgb, "depth": rgb[:, :1] ** 2, "ir": 1 - rgb[:, 1:2]}
    return {
        "modalities": modalities,
        "views": [{name: image.flip(3) if n else image for name, image in modalities.items()} for n in range(views)],
        "label": torch.tensor(labels),
        "domain": group // 2,
        "group": group,
        "id": [f"clip{index}/0" for index in range(len(labels))],
        "available": {name: torch.ones(len(labels), dtype=torch.bool) for name in ("rgb", "depth", "ir")},
    }


def trained(method: Method, steps: int, *, size: int = SIZE, steps_per_epoch: int = 100) -> MemoryContext:
    """Train on the fixed images and leave the method ready to score."""
    views = max(2, method.views)
    context = MemoryContext(
        method, lambda domains: images(domains, size=size, views=views), steps_per_epoch=steps_per_epoch
    )
    for _ in range(steps):
        context.run_step()
    method.eval()
    return context


def scored(method: Method, batch: Batch) -> Tensor:
    with torch.no_grad():
        return method.eval().predict(batch)
