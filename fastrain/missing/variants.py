"""The protocols that differ from a trained one in what the target's faces lack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def masked_variants(trained: Mapping[str, Any], modalities: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the `@miss-*` variants of a manifest's protocol, each with what a network of `modalities` loses by it.

    `trained` is the manifest's meta. Left out are variants that take nothing from the network, all it sees, or the same
    as one before. A protocol that is a variant itself or stays inside one dataset has none.

    Raises:
        UserError: the protocol's name cannot be read.
    """
    from fasdata.protocols.grammar import parse
    from fasdata.protocols.plan_across import MASKS

    name = parse(str(trained.get("canonical")))
    if name.intra or name.variant:
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for variant, masked in MASKS.items():
        lost = tuple(one for one in modalities if one in masked)
        held = set(masked) <= set(trained.get("modalities") or ())
        if held and lost and len(lost) < len(modalities) and lost not in found.values():
            found[f"{name.canonical}@{variant}"] = lost
    return found
