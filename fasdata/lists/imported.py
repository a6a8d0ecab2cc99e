"""A foreign list with the clips it means, as a table of our own."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from fasdata.datasets.card import Card
from fasdata.lists.match import Matched, match_rows
from fasdata.lists.read import read_list
from fasdata.records import Clip
from fasdata.store.atomic import replacing

COLUMNS = ("dataset", "clip_id", "label", "frames")


def known_clips(card: Card, root: Path | None, lists: Path | None, data: Path | None) -> list[Clip]:
    """Return the clips that rows may mean: of the raw dataset at `root`, else of the library's store.

    Raises:
        UserError: there is no such dataset or store.
    """
    if root is not None:
        from fasdata.datasets.scan import scan

        return scan(card, root, lists=lists).clips
    from fasdata.library import Library
    from fasdata.store.reader import Store

    return [record.clip for record in Store.open(Library.locate(data).require_store(card.slug)).records()]


def import_lists(paths: Sequence[Path], form: str, bonafide_is: int, clips: Sequence[Clip]) -> Matched:
    """Read list files and find their clips.

    Raises:
        UserError: a file cannot be read as the format.
    """
    return match_rows([row for path in paths for row in read_list(path, form, bonafide_is)], clips)


def write_matched(matched: Matched, dataset: str, out: Path) -> None:
    """Write one row a clip: dataset, clip id, the list's label, and the frames it names, joined by blanks."""
    with replacing(out) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for name, frames in matched.clips.items():
            writer.writerow((dataset, name, matched.labels[name], " ".join(frame for frame in frames if frame)))
