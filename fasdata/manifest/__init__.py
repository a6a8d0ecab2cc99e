"""Manifests: one row a frame, with what a loader, a score table and an audit need."""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

from fasdata.manifest.manifest import Manifest

__all__ = ["Manifest"]


class _Room(ModuleType):
    """This room, which can be called: `fasdata.manifest(…)` is a function of the Python API that has the room's name.

    Python binds a package's name in its parent once it is imported, so the function cannot stand there beside it.
    """

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return import_module("fasdata.api.manifest_by_name").manifest(*arguments, **options)


sys.modules[__name__].__class__ = _Room
