"""What the cards say, as text for people: `fasdata datasets`."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import fill

from fasdata.datasets.card import Card, Layout

_WIDTH = 118


def describe_all(cards: Iterable[Card]) -> str:
    """Return one line a dataset: letters in protocol names, modalities, recordings, what it holds."""
    rows = [("DATASET", "LETTER", "HOLDS", "RECORDINGS", "LAYOUTS")]
    for card in cards:
        letters = " ".join(f"{pool}:{letter}" for pool, letter in card.pools.items()) or "-"
        total = sum(count.bonafide + count.attack for count in card.counts.values())
        names = ", ".join(layout.name for layout in card.layouts)
        rows.append((card.name, letters, "+".join(card.modalities), f"{total or '-':>10}", names))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row[:4], widths, strict=True)), row[4]]) for row in rows
    ]
    return "\n".join([*lines, "", "fasdata datasets NAME says what is in it, how it is laid out and who gives it out."])


def describe_card(card: Card) -> str:
    """Return everything that a reader of the dataset should know, in a screen."""
    lines = [card.name + (f" (also {', '.join(card.aliases)})" if card.aliases else "")]
    lines += _said("", card.about)
    letters = ", ".join(f"{letter} in pool {pool}" for pool, letter in card.pools.items())
    lines += _said("letter in protocols: ", letters or "none: write the name")
    lines += _said("owner: ", card.owner)
    lines += _said("licence: ", card.licence + ("" if card.research_only else " (not limited to research)"))
    lines += _said("how to get it: ", card.access)
    lines += _said("modalities: ", ", ".join(card.modalities) + (f"; {card.relation}" if card.relation else ""))
    lines += _said("people: ", card.people)
    lines += _said("subject: ", card.subject_rule)
    lines += _said("list files: ", card.lists)
    for split, count in card.counts.items():
        lines.append(f"  {split}: {count.bonafide} bona fide, {count.attack} attacks")
    for layout in card.layouts:
        lines += _layout(layout)
    lines.append(f"Example: fasdata verify {card.name} --root /path/to/{card.name}")
    return "\n".join(lines)


def _layout(layout: Layout) -> list[str]:
    name = layout.name + (f" (also {', '.join(layout.aliases)})" if layout.aliases else "")
    kind = "videos" if layout.reader == "video" else layout.reader
    told = [kind, "cropped to the face already" if layout.precropped else "whole frames"]
    if len(layout.modality_words) > 1:
        registered = {"exact": "registered", "scaled": "registered after scaling", "none": "not registered"}
        told.append(f"depth and infrared {registered[layout.registered]} to colour")
    if "depth" in layout.modality_words:
        told.append(f"depth {layout.depth_unit}")
    if layout.unit == "frame":
        told += [f"{split}: {one.bonafide}+{one.attack} frames" for split, one in (layout.counts or {}).items()]
    return [*_said(f"layout {name}: ", "; ".join([layout.about, *told] if layout.about else told)),
            *(f"    {example}" for example in layout.examples[:3])]  # fmt: skip


def _said(title: str, text: str) -> list[str]:
    if not text:
        return []
    return fill(title + text, _WIDTH, initial_indent="  ", subsequent_indent="    ").splitlines()
