"""Names of a package that are imported when somebody asks for them (PEP 562), so that importing it costs nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from typing import Any


def lazy_names(
    package: str, there: Collection[str], homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return a package's `__getattr__` and `__dir__`.

    Args:
        package: its name.
        there: names that it has without being asked.
        homes: by name, the module it is in: `a.b` is that module, `a.b:name` what it calls `name`.
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        home, _, inside = homes[name].partition(":")
        module = import_module(home)
        return getattr(module, inside) if inside else module

    def names() -> list[str]:
        return sorted({*there, *homes})

    return get, names
