"""The table of methods, a folder and a row each, and those from outside that the user named in this process.

A method's modules are imported only when they are asked for, and code from outside only where the user names it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from fasdata.door import Code, Offer, named_code, names_code, offers
from fasdata.errors import UserError, nearest, unknown_name

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
    "cdcn": MethodRow(
        "fastrain.methods.cdcn", "CDCN", "CDCNSettings", "central difference convolutions, trained to draw a map", True
    ),
    "erm": MethodRow("fastrain.methods.erm", "ERM", "ERMSettings", "plain cross entropy on all sources: the baseline"),
    "flip": MethodRow("fastrain.methods.flip", "FLIP", "FLIPSettings", "CLIP fine-tuned against sentences", True),
    "gac_fas": MethodRow(
        "fastrain.methods.gac_fas", "GACFAS", "GACFASSettings", "gradient alignment across sources", True
    ),
    "hfn_mp": MethodRow(
        "fastrain.methods.hfn_mp", "HFNMP", "HFNMPSettings", "meta pattern and hierarchical fusion network", True
    ),
    "me_fas": MethodRow(
        "fastrain.methods.me_fas", "MEFAS", "MEFASSettings", "CLIP with shared prompts and text-guided masks", True
    ),
    "mmdg": MethodRow(
        "fastrain.methods.mmdg", "MMDG", "MMDGSettings", "three streams of one frozen transformer, rebalanced", True
    ),
    "mmdgfas": MethodRow(
        "fastrain.methods.mmdgfas", "MMDGFAS", "MMDGFASSettings", "three streams of colour, depth and infrared", True
    ),
    "sa_fas": MethodRow(
        "fastrain.methods.sa_fas", "SAFAS", "SAFASSettings", "separable features, aligned classifiers", True
    ),
    "ssdg": MethodRow(
        "fastrain.methods.ssdg", "SSDG", "SSDGSettings", "bona fide faces alike in all domains, attacks apart", True
    ),
}


# -- Methods from outside ----------------------------------------------------------------------------------------------

GROUP = "fastrain.methods"
"""The entry point under which an installed package offers methods."""
NAME_IT = "a method from outside is named by the user: FILE.py:CLASS, MODULE:CLASS, or as an installed package calls it"
_SAFE_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True)
class NamedMethod:
    """A method from outside: its class, and the code that it was imported from."""

    kind: type[Method]
    code: Code


_named: dict[str, NamedMethod] = {}


def name_method(text: str) -> str:
    """Import the method that the user names, unless it is one of ours; return what it calls itself.

    From then on this process knows it by that name.

    Raises:
        UserError: there is none, it cannot be imported, is no method, or takes a name that another has.
    """
    if text in METHODS:
        return text
    if not names_code(text) and text not in [offer.name for offer in offered_methods()]:
        raise _unknown(text)
    kind, code = named_code(text, GROUP, "method")
    named = NamedMethod(_checked(kind, text), code)
    _named[named.kind.name] = named
    return named.kind.name


def named_method(name: str) -> NamedMethod | None:
    """Return the method from outside that this process knows by `name`, None where it is ours or unknown."""
    return _named.get(name)


def forget_named() -> None:
    """Know no method from outside any more."""
    _named.clear()


def offered_methods() -> list[Offer]:
    """Return the methods that installed packages offer; nothing is imported. A name of ours stays ours."""
    return [offer for offer in offers(GROUP) if offer.name not in METHODS]


def _checked(kind: Any, text: str) -> type[Method]:
    from fastrain.methods.base import Method
    from fastrain.methods.settings import MethodSettings

    if not (isinstance(kind, type) and issubclass(kind, Method)):
        raise UserError(f"{text} is no method", expected="a subclass of fastrain.methods.base.Method")
    name = getattr(kind, "name", None)
    if not isinstance(name, str) or not _SAFE_NAME.fullmatch(name):
        raise UserError(
            f"{text} has no name", expected='name: ClassVar[str] = "a_name", small letters', found=repr(name)
        )
    if name in METHODS:
        raise UserError(f"{text} calls itself {name}, which is a method of ours", do="give its class another name")
    if not names_code(text) and name != text:
        raise UserError(f"the entry point {text} leads to a method that calls itself {name}", do="give both one name")
    config = getattr(kind, "Config", None)
    if not (isinstance(config, type) and issubclass(config, MethodSettings)):
        raise UserError(f"{text} has no settings", expected="Config = a subclass of MethodSettings", found=repr(config))
    if not isinstance(getattr(kind, "default_view", None), str):
        raise UserError(f"{text} has no view", expected='default_view: ClassVar[str] = "mxnet-256"')
    return kind


# -- Any method --------------------------------------------------------------------------------------------------------


def method_class(name: str) -> type[Method]:
    """Return the class of the method `name`.

    Raises:
        UserError: there is no such method; the message names the nearest.
    """
    if name in _named:
        return _named[name].kind
    row = method_row(name)
    return _member(row, "method", row.method)


def settings_class(name: str) -> type[MethodSettings]:
    """Return the settings class of the method `name`, of ours without importing torch; it is that method's `Config`.

    Raises:
        UserError: there is no such method; the message names the nearest.
    """
    if name in _named:
        return _named[name].kind.Config
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
    """Return the row of the method `name` of ours.

    Raises:
        UserError: there is no such method; the message names the nearest.
    """
    if name not in METHODS:
        raise _unknown(name)
    return METHODS[name]


def _unknown(name: str) -> UserError:
    names = [*METHODS, *(offer.name for offer in offered_methods())]
    error = unknown_name("method", name, names)
    return error if nearest(name, names) else UserError(str(error), do=NAME_IT)


def _member(row: MethodRow, module: str, name: str) -> Any:
    return getattr(import_module(f"{row.package}.{module}"), name)
