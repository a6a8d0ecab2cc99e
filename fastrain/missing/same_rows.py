"""Whether one manifest is another with modalities of its test rows taken away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SAME = ("recipe", "domains", "target", "frame_rules", "modalities", "validation", "counts", "stores")


def only_masked(trained: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Tell whether `now` is a `@miss-*` variant of the protocol of `trained`, built alike; both are manifests' meta.

    Built alike: the same recipe, stores, validation (its seed and people included) and counts.
    """
    from fasdata.protocols.plan_across import MASKS

    name, _, variant = str(now.get("canonical")).partition("@")
    return (
        variant in MASKS and name == trained.get("canonical") and all(trained.get(key) == now.get(key) for key in _SAME)
    )
