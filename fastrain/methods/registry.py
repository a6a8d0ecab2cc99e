"""The table of methods: a folder and a row each. A method's modules are imported only when they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from fasdata.errors import unknown_name

if TYPE_CHECKING:
    from fastrain.methods.base import Method
    from fastrain.methods.settings import MethodSettings


@dataclass(frozen=True)
class MethodRow:
    """Where a method lives: its package, its class in `method.py`, and that class' `Config` in `settings.py`.

    `settings.py` is importable without torch: checking settings must not take seconds. With `reads_published`,
    `published.py` turns checkpoints of the published code into ours: `RECORDS` are the foreign types to be read as
    dictionaries, `convert(content)` returns a `fastrain.networks.foreign.Published`.
    """

    package: str
    method: str
    settings: str
    about: str
    reads_published: bool = False


METHODS: dict[str, MethodRow] = {
    "erm": MethodRow("fastrain.methods.erm", "ERM", "ERMSettings", "plain cross entropy on all sources: the baseline"),
    "gac_fas": MethodRow(
        "fastrain.methods.gac_fas", "GACFAS", "GACFASSettings", "gradient alignment across sources", True
    ),
    "hfn_mp": MethodRow(
        "fastrain.methods.hfn_mp", "HFNMP", "HFNMPSettings", "meta pattern and hierarchical fusion network", True
    ),
    "me_fas": MethodRow(
        "fastrain.methods.me_fas", "MEFAS", "MEFASSettings", "CLIP with shared prompts and text-guided masks", True
    ),
    "mmdgfas": MethodRow(
        "fastrain.methods.mmdgfas", "MMDGFAS", "MMDGFASSettings", "three streams of colour, depth and infrared", True
    ),
}


def method_class(name: str) -> type[Method]:
    """Return the class of the method `name`.

    Raises:
        UserError: there is no such method; the message names the nearest.
    """
    row = method_row(name)
    return _member(row, "method", row.method)


def settings_class(name: str) -> type[MethodSettings]:
    """Return the settings class of the method `name` without importing torch; it is that method's `Config`.

    Raises:
        UserError: there is no such method; the message names the nearest.
    """
    row = method_row(name)
    return _member(row, "settings", row.settings)


def importer(name: str) -> ModuleType:
    """Return the module that reads checkpoints of the published code of the method `name`.

    Raises:
        UserError: there is none; the message names the nearest method that has one.
    """
    readers = {method: row for method, row in METHODS.items() if row.reads_published}
    if name not in readers:
        raise unknown_name("method with an importer", name, readers)
    return import_module(f"{readers[name].package}.published")


def method_row(name: str) -> MethodRow:
    """Return the row of the method `name`.

    Raises:
        UserError: there is no such method; the message names the nearest.
    """
    if name not in METHODS:
        raise unknown_name("method", name, METHODS)
    return METHODS[name]


def _member(row: MethodRow, module: str, name: str) -> Any:
    return getattr(import_module(f"{row.package}.{module}"), name)
