"""Describe dataset cards as text: `fasdata datasets`."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import fill

from fasdata.datasets.card import Card, Layout

_WIDTH = 118


def describe_all(cards: Iterable[Card]) -> str:
    """Return a table of the datasets: letters in protocol names, modalities, number of recordings, layouts."""
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
    return "\n".join(
        [*lines, "", "fasdata datasets NAME shows what is in a dataset, how it is laid out and who gives it out."]
    )


def describe_card(card: Card) -> str:
    """Return a page about one dataset: what it holds, its licence, its splits and its layouts."""
    lines = [card.name + (f" (also {', '.join(card.aliases)})" if card.aliases else "")]
    lines += _paragraph("", card.about)
    letters = ", ".join(f"{letter} in pool {pool}" for pool, letter in card.pools.items())
    lines += _paragraph("letter in protocols: ", letters or "none: write the name")
    lines += _paragraph("owner: ", card.owner)
    lines += _paragraph("licence: ", card.licence + ("" if card.research_only else " (not limited to research)"))
    lines += _paragraph("how to get it: ", card.access)
    lines += _paragraph("modalities: ", ", ".join(card.modalities) + (f"; {card.relation}" if card.relation else ""))
    lines += _paragraph("people: ", card.people)
    lines += _paragraph("subject: ", card.subject_rule)
    lines += _paragraph("list files: ", card.lists)
    lines += [line for words in card.unconfirmed for line in _paragraph("not confirmed: ", words)]
    for split, count in card.counts.items():
        lines.append(f"  {split}: {count.bonafide} bona fide, {count.attack} attacks")
    for layout in card.layouts:
        lines += _layout(layout)
    lines.append(f"Example: fasdata verify {card.name} --root /path/to/{card.name}")
    return "\n".join(lines)


def _layout(layout: Layout) -> list[str]:
    name = layout.name + (f" (also {', '.join(layout.aliases)})" if layout.aliases else "")
    kind = "videos" if layout.reader == "video" else layout.reader
    facts = [kind, "cropped to the face already" if layout.precropped else "whole frames"]
    if len(layout.modality_words) > 1:
        registered = {"exact": "registered", "scaled": "registered after scaling", "none": "not registered"}
        facts.append(f"depth and infrared {registered[layout.registered]} to colour")
    if "depth" in layout.modality_words:
        facts.append(f"depth {layout.depth_unit}")
    if layout.unit == "frame":
        counts = layout.counts or {}
        facts += [f"{split}: {count.bonafide}+{count.attack} frames" for split, count in counts.items()]
    return [*_paragraph(f"layout {name}: ", "; ".join([layout.about, *facts] if layout.about else facts)),
            *(f"    {example}" for example in layout.examples[:3])]  # fmt: skip


def _paragraph(title: str, text: str) -> list[str]:
    if not text:
        return []
    return fill(title + text, _WIDTH, initial_indent="  ", subsequent_indent="    ").splitlines()
