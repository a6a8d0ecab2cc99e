"""What every path of a list means, one row a path: `fasdata parse`."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from fasdata.datasets.card import Card, Layout
from fasdata.datasets.layouts import Rejected, find_layout, path_parser
from fasdata.datasets.list_facts import subject_lists
from fasdata.datasets.list_forms import listed_facts
from fasdata.datasets.tree import redact
from fasdata.errors import UserError
from fasdata.records import Clip

COLUMNS = (
    *("dataset", "relpath", "split", "label", "attack_type", "subject"),
    *("pai", "clip_id", "layout", "modalities", "fields"),
)
REJECTED_COLUMNS = ("dataset", "relpath", "kind")


@dataclass(frozen=True)
class Meaning:
    """A path exactly as it was given, and the clip that it belongs to or why it is no sample."""

    given: str
    means: Clip | Rejected


def read_paths(path: Path) -> list[str]:
    """Return the lines of a file, one path each, without their line ends; blank lines are left out.

    Raises:
        UserError: the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise UserError(f"the list of paths {path} cannot be read", found=str(error.strerror)) from None
    lines = (line.removesuffix("\r") for line in text.removeprefix("\ufeff").split("\n"))
    return [line for line in lines if line.strip()]


def meanings(card: Card, given: Sequence[str], *, lists: Path | None = None, layout: str = "") -> list[Meaning]:
    """Return what each path means, in the order given.

    Without `layout` the layouts of the card are tried in its order, path by path. Separators may be those of Windows.
    Of the files that make a clip together the one with colour is the sample; a file of several channels is one too
    where the file with colour is not in the list.

    Raises:
        UserError: no such layout; list files are incomplete or malformed.
    """
    layouts = [find_layout(card, layout)] if layout else card.layouts
    plain = redact((_plain(path) for path in given), card.redact)
    found = list(_parsed(card, layouts, plain))
    coloured = {one.clip_id for one in found if isinstance(one, Clip) and "rgb" in one.relpaths}
    listed = listed_facts(card, (), None, lists)
    subjects = subject_lists(card, card.subject_split, (), None, lists) if card.subject_split else None
    result = []
    for path, one in zip(given, found, strict=True):
        if isinstance(one, Clip):
            if "rgb" not in one.relpaths and (len(one.relpaths) == 1 or one.clip_id in coloured):
                one = Rejected(path, "modality-member")
            else:
                one = listed.apply(subjects.apply(one) if subjects else one)
        result.append(Meaning(path, one))
    return result


def write_rows(card: Card, rows: Iterable[Meaning], out: TextIO) -> None:
    """Write the samples as CSV, header first; an empty cell is what neither path nor lists tell."""
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
    """Write what is no sample of its own, and why, as CSV, header first."""
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


def _plain(path: str) -> str:
    return path.replace("\\", "/").rstrip("/")
