"""WMCA: protocols are CSV files with a recording and its group in every row."""

from __future__ import annotations

from collections.abc import Iterator

from fasdata.datasets.list_files import ListFiles, read_cells, split_of
from fasdata.datasets.listed import ClipOf, Facts, Listed

_PATTERN = r"(?:PROTOCOL-)?(?P<name>grand_?test(?:-curated)?|LOO_[a-z]+)(?:_(?P<group>train|dev|eval|test))?\.csv"


def read(files: ListFiles, clip_of: ClipOf) -> Listed:
    """Return the split by grandtest, and as field `LOO_<kind>` the part of each leave-one-out protocol.

    A row names a recording in one cell, with or without folders and ending, and its group (train, dev, eval) in
    another; where the file is of one group its name says which.
    """
    found = Listed()
    for clip, facts, _ in protocol_rows(files, clip_of, found.sources):
        found.tell(clip, facts)
    return found


def protocol_rows(files: ListFiles, clip_of: ClipOf, sources: list[str]) -> Iterator[tuple[str, Facts, dict[str, str]]]:
    """Yield clip id, split facts and the cells by column name of every row; names of the files go to `sources`."""
    for path, match in files.named(_PATTERN):
        name, group = match["name"].lower(), split_of(match["group"] or "")
        header: list[str] = []
        for _, cells in read_cells(path):
            clip = next((clip for clip in map(clip_of, cells) if clip), "")
            if not clip:
                header = header or [cell.lower() for cell in cells]
                continue
            part = next((split for split in map(split_of, reversed(cells)) if split), group)
            facts = Facts(split=part) if name.startswith("grand") else Facts(fields={f"LOO_{name[4:]}": part})
            yield clip, facts, dict(zip(header, cells, strict=False))
        sources.append(path.name)
