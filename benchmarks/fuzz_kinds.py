"""All kinds of inputs: the file that reads them, and how many one turn takes, so that the cheap ones are read most."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fuzz_media import Kind

_CHUNKS = {
    "fuzz_media": {"video": 60, "picture": 400, "hdf5": 120, "npz": 150, "boxes": 500, "faces": 500},
    "fuzz_lists": {
        "card": 100,
        "own-table": 300,
        "release-list": 400,
        "foreign-list": 400,
        "paths": 150,
        "scores": 120,
        "paper": 40,
        "words": 600,
    },
    "fuzz_library": {
        "shard": 60,
        "shard-read": 200,
        "store-tables": 60,
        "manifest": 100,
        "pack": 150,
        "lock": 300,
        "journal": 120,
        "export": 150,
    },
    "fuzz_runs": {
        "run-report": 40,
        "run-page": 1,
        "run-compare": 2,
        "run-resume": 120,
        "checkpoint": 250,
        "weights": 250,
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
