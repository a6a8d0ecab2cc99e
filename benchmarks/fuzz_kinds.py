"""All kinds of inputs: the file that reads them, and how many one turn takes, so that the cheap ones are read most."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fuzz_media import Kind

_CHUNKS = {
    "fuzz_media": {"video": 60, "picture": 400, "hdf5": 120, "npz": 250, "boxes": 700, "faces": 600, "onnx": 20},
    "fuzz_lists": {
        "card": 80,
        "own-table": 400,
        "release-list": 400,
        "foreign-list": 500,
        "paths": 150,
    },
    "fuzz_scores": {"scores": 70, "paper": 40, "words": 800},
    "fuzz_library": {
        "shard": 45,
        "shard-read": 200,
        "store-tables": 45,
        "manifest": 100,
        "pack": 250,
        "lock": 400,
        "journal": 200,
        "export": 150,
    },
    "fuzz_runs": {
        "run-report": 40,
        "run-page": 1,
        "run-compare": 2,
        "run-resume": 120,
        "checkpoint": 300,
        "weights": 300,
        "published": 250,
        "settings": 300,
    },
}
CHUNKS: dict[str, int] = {name: chunk for kinds in _CHUNKS.values() for name, chunk in kinds.items()}


def kind_of(name: str) -> Kind:
    """Return a kind; what its readers need is imported only now."""
    module = next(module for module, kinds in _CHUNKS.items() if name in kinds)
    kinds: tuple[Kind, ...] = import_module(module).KINDS
    return next(kind for kind in kinds if kind.name == name)
