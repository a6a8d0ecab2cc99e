"""`fasdata describe`: find what is meant, and write its facts in the form that is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fasdata.datasets.registry import stored_slug
from fasdata.describe.croissant import croissant
from fasdata.describe.dataset_card import dataset_card
from fasdata.describe.facts import Facts
from fasdata.describe.of_manifest import facts_of_manifest
from fasdata.describe.of_store import facts_of_store
from fasdata.errors import UserError, unknown_name
from fasdata.library import Library
from fasdata.manifests import Manifest
from fasdata.manifests.manifest import TABLE
from fasdata.protocols.built import Wanted, find_built
from fasdata.protocols.grammar import parse_in

FORMS: dict[str, Callable[[Facts], str]] = {"card": dataset_card, "croissant": croissant}
CARD, CROISSANT = "card", "croissant"


def described(name: str, form: str, library: Library, recipe: str = "standard") -> str:
    """Return the description of a dataset of the library, or of a manifest: its path, or its protocol's name.

    Raises:
        UserError: no such form; there is neither a dataset nor a manifest of that name; it is damaged.
    """
    if form not in FORMS:
        raise unknown_name("form of a description", form, FORMS)
    return FORMS[form](facts_of(name, library, recipe))


def facts_of(name: str, library: Library, recipe: str = "standard") -> Facts:
    """Return the facts that a description is made of; for names and errors see `described`."""
    path = Path(name)
    if path.suffix == ".parquet" or (path / TABLE).is_file():
        return facts_of_manifest(Manifest.read(path), library)
    slug = _dataset(name, library)
    if slug:
        with library.in_use([slug]):
            return facts_of_store(library, slug)
    try:
        canonical = parse_in(library, name).canonical
    except UserError as error:
        raise UserError(
            f"{name} is no dataset of the library {library.root}, no manifest and no protocol",
            found=", ".join(library.stores()) or "no dataset",
            do=str(error),
        ) from None
    folder = find_built(library, canonical, Wanted(recipe))
    if folder is None:
        raise UserError(
            f"{canonical} with the recipe {recipe} is not built in {library.root}",
            do=f"fasdata build-protocol {name!r} --recipe {recipe} --data {library.root}",
        )
    return facts_of_manifest(Manifest.read(folder), library)


def _dataset(name: str, library: Library) -> str:
    """Return the slug of a dataset that the library holds, "" where the name is none of one."""
    try:
        slug = stored_slug(library, name)
    except UserError:
        return ""
    if slug not in library.stores():
        library.require_store(slug)  # says how to extract a dataset that is known and not here
    return slug
