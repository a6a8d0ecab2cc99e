"""Find a dataset's card by any of its names: shipped cards, the user's own card, a folder of them, or a plain table."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from fasdata.datasets.card import SLUG, Card, spelling_key
from fasdata.datasets.own_table import TABLES
from fasdata.datasets.tree import ending
from fasdata.errors import UserError, unknown_name
from fasdata.foreign import read_declared
from fasdata.resources import manifests_dir

if TYPE_CHECKING:
    from fasdata.library import Library


@cache
def load_cards() -> dict[str, Card]:
    """Return the shipped cards by slug, sorted.

    Raises:
        UserError: a card is malformed, or two cards share a name.
    """
    cards = [read_declared(path, Card) for path in sorted((manifests_dir() / "datasets").glob("*.yaml"))]
    _by_name(cards)  # refuses a name that two cards share
    return {card.slug: card for card in sorted(cards, key=lambda card: card.slug)}


OWN_CARDS = "FASDATA_CARDS"
"""The environment variable that names a folder of one's own cards (YAML) and tables."""


def own_cards() -> dict[str, Path]:
    """Return the files in the folder that `$FASDATA_CARDS` names, by the name of their dataset, sorted.

    A card has its name inside; a table has that of its file.

    Raises:
        UserError: there is no such folder; a card is malformed, or has a name that another has.
    """
    place = os.environ.get(OWN_CARDS)
    if not place:
        return {}
    folder = Path(place)
    if not folder.is_dir():
        raise UserError(f"${OWN_CARDS} names no folder", found=place, do="create it, or unset the variable")
    cards = {path: read_declared(path, Card) for path in sorted(folder.glob("*.yaml"))}
    tables = {path.stem: path for path in sorted(folder.iterdir()) if ending(path.name) in TABLES}
    names = {card.name: path for path, card in cards.items()}
    taken = _by_name([*load_cards().values(), *cards.values()])
    for name in tables:
        if spelling_key(name) in taken:
            raise UserError(f"{tables[name]} takes a name that a card has", found=name, do="rename the file")
    return dict(sorted({**names, **tables}.items()))


def find_card(name: str, card_file: Path | None = None, bonafide_is: str = "") -> Card:
    """Return the card with this name or alias; only letters and digits count, in any case.

    Without `card_file` it is a shipped one, or one of the folder `$FASDATA_CARDS`. `card_file` is the user's own card
    (YAML), or a plain table with the columns `path` and `label`; for a table, `name` is the name that the data get, and
    `bonafide_is` its word for bona fide.

    Raises:
        UserError: no such dataset (names the nearest); the file is malformed or describes a dataset of another name.
    """
    if card_file is not None:
        own = _own_table if ending(card_file.name) in TABLES else _own_card
        return own(name, card_file, bonafide_is)
    cards = list(load_cards().values())
    card = _by_name(cards).get(spelling_key(name))
    if card is None and (own_file := _own_file(name)):
        return find_card(name, own_file, bonafide_is)
    if bonafide_is:
        raise UserError("--bonafide-is means nothing here", expected="your own table with --card")
    if card is None:
        raise unknown_name("dataset", name, [*(card.name for card in cards), *own_cards()])
    return card


def stored_slug(library: Library, dataset: str) -> str:
    """Return the slug of a dataset: the name of a store in the library, else of a card with that name.

    Raises:
        UserError: there is neither.
    """
    # The name of a store comes first: a dataset with a card of its own has no other.
    return dataset.lower() if dataset.lower() in library.stores() else find_card(dataset).slug


def _own_file(name: str) -> Path | None:
    """Return the file of that folder whose dataset has this name or, of a card, this alias."""
    for known, path in own_cards().items():
        names = [known] if ending(path.name) in TABLES else list(_by_name([read_declared(path, Card)]))
        if spelling_key(name) in map(spelling_key, names):
            return path
    return None


def _own_card(name: str, path: Path, bonafide_is: str) -> Card:
    card = read_declared(path, Card).with_table(path.parent, bonafide_is)
    if spelling_key(name) not in _by_name([card]):
        raise UserError(
            f"{path} describes another dataset", expected=f"the name {card.name}", found=name, do="give the card's name"
        )
    return card


def _own_table(name: str, path: Path, bonafide_is: str) -> Card:
    if not SLUG.fullmatch(name.lower()):
        raise UserError(
            f"the dataset name {name!r} does not make a folder name",
            expected="letters, digits, '.' and '-', starting with a letter or digit",
        )
    return Card(
        name=name,
        owner="whoever recorded the data",
        licence="as the owner of the data decides",
        modalities=["rgb"],
        subject_rule="the column subject of the table",
        table=path.name,
    ).with_table(path.parent, bonafide_is)


def _by_name(cards: list[Card]) -> dict[str, Card]:
    names: dict[str, Card] = {}
    for card in cards:
        for name in {spelling_key(spelling) for spelling in (card.name, *card.aliases)}:
            if name in names:
                raise UserError(
                    f"the dataset name {name!r} belongs to two cards", found=f"{names[name].name} and {card.name}"
                )
            names[name] = card
    return names
