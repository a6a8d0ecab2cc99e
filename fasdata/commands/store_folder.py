"""The store that an argument names: a folder, or a dataset of the library."""

from __future__ import annotations

from pathlib import Path

from fasdata.library import Library
from fasdata.store.info import FILE


def store_folder(named: str, data: Path | None) -> Path:
    """Return the folder of the store.

    Raises:
        UserError: no folder of a store has that path, no dataset that name, or the library no store of it.
    """
    from fasdata.datasets.registry import find_card
    from fasdata.errors import UserError

    if (Path(named) / FILE).is_file():
        return Path(named)
    library = Library.locate(data)
    known = library.stores()
    if named.lower() in known:  # datasets with a card of their own have no name but this
        return library.store_dir(named.lower())
    slug = find_card(named).slug
    if slug not in known:
        raise UserError(
            f"no store of {slug} in the library {library.root}",
            found=", ".join(known) or "no store at all",
            do="pass --data, or the folder of the store",
        )
    return library.store_dir(slug)
