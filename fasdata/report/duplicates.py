"""Find recordings of a dataset that are identical or nearly so, and show them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasdata.audit.near import FRAMES, NEAR, ClipHashes, near_pairs
from fasdata.page.page import Subsection
from fasdata.page.parts import Column, Paragraph, Row, Table
from fasdata.page.spelling import count, text
from fasdata.report.gallery import pairs
from fasdata.report.holdings import SPLIT_NAMES
from fasdata.report.survey import LABEL_NAMES, Survey, rows_of

SHOWN = 20
PICTURED = 6


@dataclass(frozen=True)
class Duplicates:
    """Duplicates as row numbers of a survey's clips.

    `near` (pairs, 3) are pairs of different splits or labels with the number of similar frames, most first; `equal` are
    groups with identical stored pixels, whatever their split and label.
    """

    near: NDArray[np.int64]
    equal: tuple[tuple[int, ...], ...]

    def crossing(self, survey: Survey, column: str) -> int:
        """Return the number of near pairs that differ in this column of the clips."""
        codes, _ = survey.clips[column].factorize()
        return int((codes[self.near[:, 0]] != codes[self.near[:, 1]]).sum())


def find_duplicates(survey: Survey) -> Duplicates:
    """Find near-duplicates by the perceptual hashes of the frames, and identical clips by the hash of all pixels."""
    rows = survey.clips
    hashes = [
        ClipHashes(row.clip_id, f"{row.split}/{row.label}", of)
        for row, of in zip(rows_of(rows), survey.hashes, strict=True)
    ]
    contents: defaultdict[str, list[int]] = defaultdict(list)
    for place, content in enumerate(rows["pixel_hash"]):
        if content:
            contents[content].append(place)
    return Duplicates(near_pairs(hashes), tuple(tuple(group) for group in contents.values() if len(group) > 1))


def duplicates(survey: Survey, groups: Duplicates, anchor: str, *, faces: bool) -> Subsection:
    """Return the subsection on duplicates: tables, and with `faces` pictures of the first pairs."""
    lead = (
        f"Near-duplicates are clips of different splits or labels that are similar on at least {FRAMES} frames, or on "
        f"all frames of a shorter clip (at most {NEAR} of 64 bits of the perceptual hash differ). Training on one of "
        "them shows the network the other."
    )
    parts: list[Any] = []
    if groups.equal:
        parts.append(_equal(survey, groups))
    parts.append(
        _near(survey, groups) if len(groups.near) else Paragraph("No near-duplicates across splits or labels.")
    )
    if len(groups.near) and faces:
        parts.append(pairs(survey, [(a, b) for a, b, _ in groups.near[:PICTURED].tolist()]))
    return Subsection(anchor, "Near-duplicates", parts, lead)


def _equal(survey: Survey, groups: Duplicates) -> Table:
    columns = [Column("Clips with the same pixels"), Column("Number", True), Column("Splits"), Column("Labels")]
    rows = []
    for group in groups.equal[:SHOWN]:
        clips = survey.clips.iloc[list(group)]
        splits = ", ".join(dict.fromkeys(SPLIT_NAMES[split] for split in clips["split"]))
        labels = ", ".join(dict.fromkeys(LABEL_NAMES[label] for label in clips["label"]))
        rows.append(Row((" = ".join(clips["clip_id"][:3]), count(len(group)), splits, labels)))
    return Table("Identical recordings", columns, rows, _rest(len(groups.equal)))


def _near(survey: Survey, groups: Duplicates) -> Table:
    columns = [Column("First clip"), Column("Second clip"), Column("Similar frames", True), Column("Splits"),
               Column("Labels"), Column("Subjects")]  # fmt: skip
    rows = []
    for a, b, frames in groups.near[:SHOWN].tolist():
        first, second = survey.clips.iloc[a], survey.clips.iloc[b]
        splits = _both(SPLIT_NAMES[first["split"]], SPLIT_NAMES[second["split"]])
        labels = _both(LABEL_NAMES[first["label"]], LABEL_NAMES[second["label"]])
        subjects = text(_both(first["subject"], second["subject"]), "not known")
        rows.append(Row((first["clip_id"], second["clip_id"], count(frames), splits, labels, subjects)))
    return Table("Near-duplicate pairs", columns, rows, _rest(len(groups.near)))


def _both(first: str, second: str) -> str:
    return first if first == second else f"{first or '?'} and {second or '?'}"


def _rest(number: int) -> str:
    return f"{count(number - SHOWN)} more are not shown." if number > SHOWN else ""
