"""The reference repositories' own metric sets, by name."""

from __future__ import annotations

from collections.abc import Callable

from fasdata.errors import unknown_name
from fastrain.evaluation.metrics.gac import gac
from fastrain.evaluation.metrics.hfn import hfn
from fastrain.evaluation.metrics.legacy import legacy

VARIANTS: dict[str, Callable[..., dict[str, float]]] = {"hfn": hfn, "gac": gac, "legacy": legacy}


def variant(name: str) -> Callable[..., dict[str, float]]:
    """Return the function (scores, labels) -> {number's name in that repository: value}.

    Raises:
        UserError: no variant has this name.
    """
    if name not in VARIANTS:
        raise unknown_name("metric set", name, VARIANTS)
    return VARIANTS[name]
