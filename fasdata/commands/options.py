"""Options that several verbs share, and what they mean."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fasdata.cores import usable_cores

if TYPE_CHECKING:
    from fasdata.datasets.card import Card

Data = Annotated[Path | None, typer.Option("--data", help="The library. Default: $FASDATA_DATA, else ./data.")]
Workers = Annotated[int, typer.Option("--workers", "-j", min=0, help="Processes; 0 = one per core.")]
LayoutName = Annotated[
    str,
    typer.Option(
        "--layout", help="The layout, of those that 'fasdata datasets NAME' shows; default: it is recognised."
    ),
]
OwnCard = Annotated[
    Path | None,
    typer.Option(
        "--card",
        help="Own data: a card (YAML, as in manifests/datasets), or a table (CSV) with the columns path,label and, if "
        "known, split,subject,attack_type,pai,depth,ir; paths are below the root. 'fasdata card draft' proposes one. "
        "Those in the folder $FASDATA_CARDS need no --card.",
    ),
]
BonafideIs = Annotated[
    str,
    typer.Option(
        "--bonafide-is",
        metavar="WORD",
        help="In your own table with --card: the label that means bona fide, e.g. 1, live, real; others are attacks.",
    ),
]


def processes(workers: int) -> int:
    """Return the number of processes that `--workers` asks for."""
    return workers or usable_cores()


def own_view(text: str) -> str:
    """Return the text of a view that the user names, where it is code of their own after saying what it comes to.

    Raises:
        UserError: as `name_view`.
    """
    from fasdata.faces.own_view import name_view, said_of_view

    view = name_view(text)
    if view != text:
        typer.echo(said_of_view(view))
    return view


def own_rule(text: str) -> str:
    """Return the text of a frame rule that the user names, where it is code of their own after saying so.

    Raises:
        UserError: as `name_rule`.
    """
    from fasdata.protocols.own_rules import name_rule

    rule = name_rule(text)
    if rule != text:
        typer.echo(f"frames      {text} is {rule}")
    return rule


def own_rules(text: str) -> str:
    """Return several frame rules, joined as `--frames` of an extraction joins them, each as `own_rule` does."""
    return " ".join(own_rule(part) for part in re.split(r"[+\s;]+", text.strip()) if part)


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
