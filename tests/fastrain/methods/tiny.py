"""Every method, small enough to train in a blink, as its settings declare it for `fastrain methods check`."""

from __future__ import annotations

from typing import Any

from fastrain.conformance.toys import DOMAINS, SIZE, images, scored, trained
from fastrain.methods.base import Method
from fastrain.methods.registry import METHODS, method_class, settings_class

__all__ = ["DOMAINS", "SIZE", "TINY", "images", "scored", "tiny", "trained"]

TINY: dict[str, dict[str, Any]] = {name: dict(settings_class(name).trial().tiny) for name in METHODS}


def tiny(name: str, *, seed: int = 0, size: int = SIZE, **changes: Any) -> Method:
    """Return a small network of the method `name`, with `changes` to its settings."""
    import torch

    torch.manual_seed(seed)
    settings = settings_class(name)(**{**TINY[name], **changes})
    return method_class(name)(settings, n_domains=DOMAINS, image_size=size)
