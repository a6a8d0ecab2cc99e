"""Recordings of a dataset that are copies of each other, or nearly."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

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
    """Pairs of rows of a survey's clips.

    `near` are pairs of different splits or labels with the number of frames that look alike, most first; `equal` are
    groups whose stored pixels are the same to the last bit, whatever their split and label.
    """

    near: tuple[tuple[int, int, int], ...]
    equal: tuple[tuple[int, ...], ...]

    def crossing(self, survey: Survey, column: str) -> int:
        """Return how many near pairs differ in this column of the clips."""
        values = survey.clips[column].to_numpy()
        return sum(values[a] != values[b] for a, b, _ in self.near)


def find_duplicates(survey: Survey) -> Duplicates:
    """Look for copies by the perceptual hashes stored with the frames, and by the hash of all pixels."""
    rows = survey.clips
    hashes = [
        ClipHashes(row.clip_id, f"{row.split}/{row.label}", of)
        for row, of in zip(rows_of(rows), survey.hashes, strict=True)
    ]
    pairs = near_pairs(hashes)
    near = sorted(((a, b, frames) for (a, b), frames in pairs.items()), key=lambda one: (-one[2], one[0], one[1]))
    contents: defaultdict[str, list[int]] = defaultdict(list)
    for place, content in enumerate(rows["pixel_hash"]):
        if content:
            contents[content].append(place)
    return Duplicates(tuple(near), tuple(tuple(group) for group in contents.values() if len(group) > 1))


def duplicates(survey: Survey, found: Duplicates, anchor: str, *, faces: bool) -> Subsection:
    """Return the pairs as tables, and with `faces` the first of them as pictures."""
    lead = (
        f"Near-duplicates look alike on at least {FRAMES} frames (at most {NEAR} of 64 bits of the perceptual hash "
        "differ; all frames, where a clip has fewer) and stand in different splits or under different labels. Whoever "
        "trains on one of them has seen the other."
    )
    parts: list[Any] = []
    if found.equal:
        parts.append(_equal(survey, found))
    parts.append(_near(survey, found) if found.near else Paragraph("No near-duplicates across splits or labels."))
    if found.near and faces:
        parts.append(pairs(survey, [(a, b) for a, b, _ in found.near[:PICTURED]]))
    return Subsection(anchor, "Near-duplicates", parts, lead)


def _equal(survey: Survey, found: Duplicates) -> Table:
    columns = [Column("Clips with the same pixels"), Column("How many", True), Column("Splits"), Column("Labels")]
    rows = []
    for group in found.equal[:SHOWN]:
        clips = survey.clips.iloc[list(group)]
        splits = ", ".join(dict.fromkeys(SPLIT_NAMES[split] for split in clips["split"]))
        labels = ", ".join(dict.fromkeys(LABEL_NAMES[label] for label in clips["label"]))
        rows.append(Row((" = ".join(clips["clip_id"][:3]), count(len(group)), splits, labels)))
    return Table("Copies to the last bit", columns, rows, _rest(len(found.equal)))


def _near(survey: Survey, found: Duplicates) -> Table:
    columns = [Column("One clip"), Column("The other"), Column("Frames alike", True), Column("Splits"),
               Column("Labels"), Column("Subjects")]  # fmt: skip
    rows = []
    for a, b, frames in found.near[:SHOWN]:
        one, other = survey.clips.iloc[a], survey.clips.iloc[b]
        splits = _both(SPLIT_NAMES[one["split"]], SPLIT_NAMES[other["split"]])
        labels = _both(LABEL_NAMES[one["label"]], LABEL_NAMES[other["label"]])
        subjects = text(_both(one["subject"], other["subject"]), "not known")
        rows.append(Row((one["clip_id"], other["clip_id"], count(frames), splits, labels, subjects)))
    return Table("Pairs that look alike", columns, rows, _rest(len(found.near)))


def _both(one: str, other: str) -> str:
    return one if one == other else f"{one or '?'} and {other or '?'}"


def _rest(number: int) -> str:
    return f"{count(number - SHOWN)} more are not shown." if number > SHOWN else ""
