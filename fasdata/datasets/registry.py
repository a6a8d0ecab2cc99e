"""Which datasets are known, by any of their names."""

from __future__ import annotations

from functools import cache

from fasdata.datasets.card import Card
from fasdata.datasets.declared import read_declared
from fasdata.errors import UserError, unknown_name
from fasdata.resources import manifests_dir


@cache
def load_cards() -> dict[str, Card]:
    """Return the shipped cards by slug, sorted.

    Raises:
        UserError: a card is malformed, or two cards share a name.
    """
    cards = [read_declared(path, Card) for path in sorted((manifests_dir() / "datasets").glob("*.yaml"))]
    _names(cards)
    return {card.slug: card for card in sorted(cards, key=lambda card: card.slug)}


def find_card(name: str) -> Card:
    """Return the card with this name or alias; case, blanks, `_` and `-` do not matter.

    Raises:
        UserError: no such dataset; names the nearest.
    """
    cards = list(load_cards().values())
    found = _names(cards).get(_plain(name))
    if found is None:
        raise unknown_name("dataset", name, [card.name for card in cards])
    return found


def _names(cards: list[Card]) -> dict[str, Card]:
    names: dict[str, Card] = {}
    for card in cards:
        for name in {_plain(spelling) for spelling in (card.name, *card.aliases)}:
            if name in names:
                raise UserError(
                    f"the dataset name {name!r} belongs to two cards", found=f"{names[name].name} and {card.name}"
                )
            names[name] = card
    return names


def _plain(name: str) -> str:
    return "".join(character for character in name.casefold() if character not in " _-")
