"""Which stores a report was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fasdata.datasets.registry import find_card
from fasdata.errors import UserError, unknown_name
from fasdata.library import Library


def asked_stores(library: Library, names: Sequence[str]) -> list[Path]:
    """Return the stores' folders for dataset names in any spelling; no name means every store of the library.

    Raises:
        UserError: the library is missing or empty, a dataset is unknown, or its store is missing or unfinished.
    """
    if not library.stores():
        what = "holds no store" if library.root.is_dir() else "does not exist"
        raise UserError(f"the library {library.root} {what}", do="run 'fasdata extract' first or pass --data")
    slugs = [_slug(library, name) for name in names] or library.stores()
    return [library.require_store(slug) for slug in dict.fromkeys(slugs)]


def _slug(library: Library, name: str) -> str:
    """Return the slug of a dataset; own data go by the name that they were extracted under."""
    if name.lower() in library.stores():
        return name.lower()
    try:
        return find_card(name).slug
    except UserError:
        raise unknown_name("dataset", name, library.stores()) from None
