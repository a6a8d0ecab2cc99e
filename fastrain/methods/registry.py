"""Methods by name; a method's module is imported only when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fasdata.errors import unknown_name

if TYPE_CHECKING:
    from fastrain.methods.base import Method
    from fastrain.methods.settings import MethodSettings

METHODS: dict[str, str] = {
    "erm": "fastrain.methods.erm.method:ERM",
    "gac_fas": "fastrain.methods.gac_fas.method:GACFAS",
    "hfn_mp": "fastrain.methods.hfn_mp.method:HFNMP",
    "me_fas": "fastrain.methods.me_fas.method:MEFAS",
    "mmdgfas": "fastrain.methods.mmdgfas.method:MMDGFAS",
}

# The `Config` of each class above, where it can be imported without torch: checking settings must not take seconds.
SETTINGS: dict[str, str] = {
    "erm": "fastrain.methods.erm.settings:ERMSettings",
    "gac_fas": "fastrain.methods.gac_fas.settings:GACFASSettings",
    "hfn_mp": "fastrain.methods.hfn_mp.settings:HFNMPSettings",
    "me_fas": "fastrain.methods.me_fas.settings:MEFASSettings",
    "mmdgfas": "fastrain.methods.mmdgfas.settings:MMDGFASSettings",
}


def method_class(name: str) -> type[Method]:
    """Return the class of the method `name`.

    Raises:
        UserError: there is no such method; the message names the nearest.
    """
    return _load(name, METHODS)


def settings_class(name: str) -> type[MethodSettings]:
    """Return the settings class of the method `name` without importing torch; it is that method's `Config`.

    Raises:
        UserError: there is no such method; the message names the nearest.
    """
    return _load(name, SETTINGS)


def _load(name: str, table: dict[str, str]) -> Any:
    if name not in table:
        raise unknown_name("method", name, table)
    module, _, attribute = table[name].partition(":")
    return getattr(import_module(module), attribute)
