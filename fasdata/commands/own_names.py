"""Own datasets by their name alone: what their store in the library knows of them stands in for their card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fasdata.datasets.card import Card


def card_of(dataset: str, card: Path | None, bonafide_is: str, data: Path | None) -> Card:
    """Return the card of a dataset; of own data without `card`, one whose table are the clips of their store.

    Raises:
        UserError: there is neither a card nor a store of this name.
    """
    from fasdata.datasets.card import Card, Layout
    from fasdata.datasets.own_table import Table
    from fasdata.datasets.registry import find_card, load_cards
    from fasdata.library import Library
    from fasdata.store.reader import Store

    library, slug = Library.locate(data), dataset.lower()
    if card is not None or slug in load_cards() or slug not in library.stores():
        return find_card(dataset, card, bonafide_is)
    with library.in_use([slug]):
        clips = {record.clip.clip_id: record.clip for record in Store.open(library.require_store(slug)).records()}
    layout = Layout.of_table(Table.of_clips(clips))
    facts = {
        "name": dataset, "owner": "whoever recorded the data", "licence": "as the owner of the data decides",
        "modalities": layout.modality_words, "subject_rule": "as in the store",
    }  # fmt: skip
    return Card.model_validate({**facts, "layouts": [layout]})
