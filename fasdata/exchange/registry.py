"""The layouts by name."""

from __future__ import annotations

from importlib import import_module

from fasdata.errors import unknown_name
from fasdata.exchange.layout import Layout

LAYOUTS = {
    "metapattern": "fasdata.exchange.metapattern:MetaPattern",
    "safas": "fasdata.exchange.safas:SaFas",
    "flip": "fasdata.exchange.flip:Flip",
    "mmdg": "fasdata.exchange.mmdg:Mmdg",
    "webdataset": "fasdata.exchange.webdataset:WebDataset",
}


def layout_class(name: str) -> type[Layout]:
    """Return the layout of that name.

    Raises:
        UserError: there is none; names the nearest.
    """
    if name not in LAYOUTS:
        raise unknown_name("layout", name, LAYOUTS)
    module, _, noun = LAYOUTS[name].partition(":")
    found: type[Layout] = getattr(import_module(module), noun)
    return found
