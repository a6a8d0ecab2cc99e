"""Which layout a tree is in: the one whose rules explain most of its media."""

from __future__ import annotations

from collections.abc import Sequence

from fasdata.datasets.card import Card, Layout
from fasdata.datasets.path_parser import Rejected, path_parser
from fasdata.errors import unknown_name

_SAMPLE = 3000


def find_layout(card: Card, name: str) -> Layout:
    """Return the card's layout of this name or alias.

    Raises:
        UserError: no such layout; names the nearest.
    """
    for layout in card.layouts:
        if _plain(name) in {_plain(spelling) for spelling in (layout.name, *layout.aliases)}:
            return layout
    raise unknown_name(f"layout of {card.name}", name, [layout.name for layout in card.layouts])


def match_rates(card: Card, relpaths: Sequence[str]) -> dict[str, float]:
    """Return for each layout the share of the media that it explains, 0 to 1.

    Of a large tree an even sample is looked at, unless nothing of that matches.
    """
    step = max(1, len(relpaths) // _SAMPLE)
    rates = {layout.name: _rate(card, layout, relpaths[::step]) for layout in card.layouts}
    if step > 1 and not any(rates.values()):
        rates = {layout.name: _rate(card, layout, relpaths) for layout in card.layouts}
    return rates


def best_layout(card: Card, rates: dict[str, float]) -> Layout:
    """Return the layout with the highest rate; of equals the one that the card names first."""
    return max(card.layouts, key=lambda layout: rates[layout.name])


def spell_rates(rates: dict[str, float]) -> str:
    """Return the rates as text, e.g. `challenge 98 %, crop 0 %`."""
    return ", ".join(f"{name} {100 * rate:.3g} %" for name, rate in rates.items())


def _rate(card: Card, layout: Layout, relpaths: Sequence[str]) -> float:
    parse = path_parser(card, layout)
    meanings = [parse(relpath) for relpath in relpaths]
    matched = sum(not isinstance(meaning, Rejected) for meaning in meanings)
    media = matched + sum(isinstance(one, Rejected) and one.kind == "unmatched-media" for one in meanings)
    return matched / media if media else 0.0


def _plain(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())
