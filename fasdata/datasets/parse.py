"""Parse a list of paths without the files, one row a path: `fasdata parse`."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from fasdata.datasets.card import Card, Layout
from fasdata.datasets.layouts import Rejected, find_layout, path_parser, recognisable
from fasdata.datasets.list_facts import read_list_facts, subject_lists
from fasdata.datasets.tree import forward_slashes, redact
from fasdata.foreign import read_bytes
from fasdata.records import Clip

COLUMNS = (
    *("dataset", "relpath", "split", "label", "attack_type", "subject"),
    *("pai", "clip_id", "layout", "modalities", "fields"),
)
REJECTED_COLUMNS = ("dataset", "relpath", "kind")


@dataclass(frozen=True)
class Meaning:
    """A path exactly as it was given, and the clip that it belongs to, or why it is not a sample."""

    given: str
    means: Clip | Rejected


def read_paths(path: Path) -> list[str]:
    """Return the lines of a file, one path each, without line ends and blank lines.

    Raises:
        UserError: the file cannot be read, or is no regular one.
    """
    text = read_bytes(path).decode("utf-8", "surrogateescape")
    lines = (line.removesuffix("\r") for line in text.removeprefix("\ufeff").split("\n"))
    return [line for line in lines if line.strip()]


def meanings(card: Card, given: Sequence[str], *, lists: Path | None = None, layout: str = "") -> list[Meaning]:
    """Return what each path means, in the order given.

    Without `layout` the layouts of the card are tried in order, path by path. Separators may be those of Windows. Of
    the files that make up a clip, the one with colour is the sample; a file of several channels is a sample too where
    the list lacks the file with colour.

    Raises:
        UserError: no such layout; list files are incomplete or malformed.
    """
    relpaths = redact((forward_slashes(path) for path in given), card.redact)
    layouts = [find_layout(card, layout)] if layout else recognisable(card, relpaths)
    parsed = list(_parsed(card, layouts, relpaths))
    coloured = {clip.clip_id for clip in parsed if isinstance(clip, Clip) and "rgb" in clip.relpaths}
    facts = read_list_facts(card, (), None, lists)
    subjects = subject_lists(card, card.subject_split, (), None, lists) if card.subject_split else None
    result = []
    for path, meaning in zip(given, parsed, strict=True):
        if isinstance(meaning, Clip):
            if "rgb" not in meaning.relpaths and (len(meaning.relpaths) == 1 or meaning.clip_id in coloured):
                meaning = Rejected(path, "modality-member")
            else:
                meaning = facts.apply(subjects.apply(meaning) if subjects else meaning)
        result.append(Meaning(path, meaning))
    return result


def write_rows(card: Card, rows: Iterable[Meaning], out: TextIO) -> None:
    """Write the samples as CSV with a header; a cell is empty where neither path nor lists state the value."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        clip = row.means
        if isinstance(clip, Clip):
            fields = ";".join(f"{name}={value}" for name, value in clip.fields.items())
            writer.writerow(
                (card.name, row.given, clip.split, clip.label, clip.attack_type, clip.subject, clip.pai, clip.clip_id,
                 clip.layout, " ".join(clip.relpaths), fields)
            )  # fmt: skip


def write_rejected(card: Card, rows: Iterable[Meaning], out: TextIO) -> None:
    """Write the paths that are not samples of their own, and why, as CSV with a header."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(REJECTED_COLUMNS)
    for row in rows:
        if isinstance(row.means, Rejected):
            writer.writerow((card.name, row.given, row.means.kind))


def _parsed(card: Card, layouts: Sequence[Layout], paths: Iterable[str]) -> Iterator[Clip | Rejected]:
    parsers = [path_parser(card, layout) for layout in layouts]
    for path in paths:
        meaning: Clip | Rejected = Rejected(path, "junk")
        for parse in parsers:
            meaning = parse(path)
            if isinstance(meaning, Clip):
                break
        yield meaning
