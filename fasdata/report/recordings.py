"""The recordings themselves: resolution, frame rate, rotation, and what was noted on the way."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from fasdata.report.losses import without_numbers
from fasdata.report.prose import Paragraph
from fasdata.report.subsection import Subsection
from fasdata.report.survey import LABEL_NAMES, Survey, groups_of, rows_of
from fasdata.report.table import Column, Row, Table
from fasdata.report.value import Absent, count

_MOST = 20


def recordings(survey: Survey, anchor: str) -> Subsection:
    """Return resolutions and frame rates by label, and the notes of the extraction."""
    decoded = survey.clips[survey.clips["status"] != "failed"]
    if decoded.empty:
        return Subsection(anchor, "Recordings", [Paragraph("No recording could be decoded.")])
    return Subsection(anchor, "Recordings", [_forms(survey, decoded), *_notes(survey)])


def _forms(survey: Survey, decoded: Any) -> Table:
    rounded = decoded.assign(fps=decoded["frame_rate"].round(2))
    groups = [(len(group), key, group) for key, group in groups_of(rounded, ["width", "height", "fps", "rotation"])]
    groups.sort(key=lambda one: (-one[0], one[1]))
    columns = [Column("Upright size"), Column("Frames a second", True), Column("Turned by", True),
               Column("Clips", True), *(Column(LABEL_NAMES[label], True) for label in survey.labels),
               Column("Frames: median (least to most)", True)]  # fmt: skip
    rows = []
    for number, (width, height, fps, rotation), group in groups[:_MOST]:
        frames = group["n_frames"]
        labels = [count(int((group["label"] == label).sum())) for label in survey.labels]
        size = f"{width} × {height}" if width else Absent("no frame searched")
        rate = f"{fps:g}" if fps else Absent("not told")
        span = f"{frames.median():.0f} ({frames.min()} to {frames.max()})"
        rows.append(Row((size, rate, f"{rotation}°" if rotation else "–", count(number), *labels, span)))
    rest = len(groups) - _MOST
    note = f"{rest} rarer combinations are not shown. " if rest > 0 else ""
    note += "Size and frame rate that differ by label are a way to tell them apart without looking at a face."
    return Table("Resolution, frame rate and rotation", columns, rows, note)


def _notes(survey: Survey) -> list[Table | Paragraph]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for row in rows_of(survey.clips):
        for note in row.notes:
            found[without_numbers(note)].append(row.path)
    if not found:
        return [Paragraph("The extraction noted nothing else.")]
    ranked = sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    columns = [Column("Note"), Column("Clips", True), Column("For example")]
    rest = len(ranked) - _MOST
    more = f"{rest} rarer notes are not shown; clips.parquet has all." if rest > 0 else ""
    return [Table("What the extraction noted", columns,
                  [Row((note, count(len(paths)), paths[0])) for note, paths in ranked[:_MOST]], more)]  # fmt: skip
