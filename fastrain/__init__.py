"""Face anti-spoofing methods, trained, evaluated and compared from a manifest and a store.

`fastrain.load("pad.fasb").predict("face.jpg")` answers with a bundle, or with a run folder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastrain.bundle.answers import Decision, NoAnswer
    from fastrain.bundle.loading import load

__all__ = ["Decision", "NoAnswer", "load"]

_HOMES = {
    "Decision": "fastrain.bundle.answers",
    "NoAnswer": "fastrain.bundle.answers",
    "load": "fastrain.bundle.loading",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
