"""Show the recordings and their losses: resolution, frame rate, notes, failures and their reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fasdata.extract.reasons import Reasons
from fasdata.page.page import Subsection
from fasdata.page.parts import Column, Paragraph, Row, Table
from fasdata.page.spelling import Absent, count, percent
from fasdata.report.holdings import spell_type
from fasdata.report.survey import LABEL_NAMES, Survey, groups_of, rows_of

if TYPE_CHECKING:
    import pandas as pd


# -- Recordings: resolution, frame rate, rotation, notes --------------------------------------------------------------

_MOST = 20


def recordings(survey: Survey, anchor: str) -> Subsection:
    """Return resolutions and frame rates by label, and the notes of the extraction."""
    decoded = survey.clips[survey.clips["status"] != "failed"]
    if decoded.empty:
        return Subsection(anchor, "Recordings", [Paragraph("No recording could be decoded.")])
    return Subsection(anchor, "Recordings", [_formats(survey, decoded), *_notes(survey)])


def _formats(survey: Survey, decoded: Any) -> Table:
    rounded = decoded.assign(fps=decoded["frame_rate"].round(2))
    groups = [(len(group), key, group) for key, group in groups_of(rounded, ["width", "height", "fps", "rotation"])]
    groups.sort(key=lambda group: (-group[0], group[1]))
    columns = [Column("Upright size"), Column("Frames per second", True), Column("Rotation", True),
               Column("Clips", True), *(Column(LABEL_NAMES[label], True) for label in survey.labels),
               Column("Frames: median (least to most)", True)]  # fmt: skip
    rows = []
    for number, (width, height, fps, rotation), group in groups[:_MOST]:
        frames = group["n_frames"]
        labels = [count(int((group["label"] == label).sum())) for label in survey.labels]
        size = f"{width} × {height}" if width else Absent("no frame searched")
        rate = f"{fps:g}" if fps else Absent("not recorded")
        span = f"{frames.median():.0f} ({frames.min()} to {frames.max()})"
        rows.append(Row((size, rate, f"{rotation}°" if rotation else "–", count(number), *labels, span)))
    rest = len(groups) - _MOST
    note = f"{rest} rarer combinations are not shown. " if rest > 0 else ""
    note += "Where size or frame rate differ by label, a network can tell the labels apart without looking at a face."
    return Table("Resolution, frame rate and rotation", columns, rows, note)


def _notes(survey: Survey) -> list[Table | Paragraph]:
    notes = Reasons()
    for row in rows_of(survey.clips):
        for note in row.notes:
            notes.add(note, row.path)
    if not notes:
        return [Paragraph("The extraction has no notes.")]
    columns = [Column("Note"), Column("Clips", True), Column("For example")]
    rest = len(notes) - _MOST
    more = f"{rest} rarer notes are not shown; clips.parquet has all." if rest > 0 else ""
    return [Table("Notes of the extraction", columns,
                  [Row((str(group), count(group.total), group.path)) for _, group in notes.ranked()[:_MOST]],
                  more)]  # fmt: skip


# -- Losses by label and attack type, and their reasons ---------------------------------------------------------------

OUTCOMES = {"fta": "no usable face", "failed": "could not be decoded"}
STATUS_MEANINGS = {
    "ok": "a face was detected on this frame",
    "rotated": "detected after turning the recording upright",
    "interp": "placed between two detections, at most 15 frames apart",
    "hold": "the last detection, at most 15 frames old",
    "given": "taken from the release: its box, or its already cropped image",
    "shift": "replaced by a near frame with a face",
    "center": "the centre of a pre-cropped image",
    "skip": "no face: not stored",
}
_REASONS = 25


def losses(survey: Survey, anchor: str) -> Subsection:
    """Return the losses by label and attack type, their reasons, and the face status of the selected frames."""
    lead = (
        "A clip without a usable face is a failure to acquire; a clip that cannot be decoded has failed. If one label "
        "is lost more often than the other, every number computed on the remaining clips is biased."
    )
    parts: list[Any] = [_rates(survey.clips)]
    if survey.clips["status"].ne("ok").any():
        parts.append(_reasons(survey.clips))
    parts.append(_statuses(survey))
    return Subsection(anchor, "Losses and fallbacks", parts, lead)


def _rates(clips: pd.DataFrame) -> Table:
    columns = [Column("Label"), Column("Attack type"), Column("Clips", True), Column("No face", True),
               Column("Share of decoded", True), Column("Failed", True), Column("Share of all", True)]  # fmt: skip
    rows = []
    for label, name in LABEL_NAMES.items():
        of_label = clips[clips["label"] == label]
        if of_label.empty:
            continue
        kinds = sorted(of_label["attack_type"].unique())
        if len(kinds) > 1:
            rows += [Row((name, spell_type(kind), *_lost(of_label[of_label["attack_type"] == kind]))) for kind in kinds]
        shown = spell_type(kinds[0]) if len(kinds) == 1 else "all"
        rows.append(Row((name, shown, *_lost(of_label)), "strong"))
    return Table("Failure to acquire and failed clips", columns, rows)


def _lost(clips: pd.DataFrame) -> tuple[Any, ...]:
    every, without, failed = len(clips), int((clips["status"] == "fta").sum()), int((clips["status"] == "failed").sum())
    decoded = every - failed
    share = percent(without / decoded) if decoded else Absent("none decoded")
    return count(every), count(without), share, count(failed), percent(failed / every)


def _reasons(clips: pd.DataFrame) -> Table:
    """Return the reasons, those that differ only in their counts in one row."""
    reasons = Reasons()
    for row in rows_of(clips[clips["status"].ne("ok")]):
        reasons.add(row.reason, row.path, row.status, row.label, row.attack_type)
    columns = [Column("What happened"), Column("Clips", True), Column("Reason"), Column("Label"),
               Column("Attack type"), Column("For example")]  # fmt: skip
    rows = [
        Row((OUTCOMES[status], count(group.total), str(group), LABEL_NAMES[label], spell_type(kind), group.path))
        for (status, label, kind), group in reasons.ranked()[:_REASONS]
    ]
    rest = len(reasons) - _REASONS
    return Table(
        "Reasons of losses",
        columns,
        rows,
        f"{rest} rarer reasons are not shown; clips.parquet has all." if rest > 0 else "",
    )


def _statuses(survey: Survey) -> Table | Paragraph:
    if not survey.selected:
        return Paragraph("No frame was selected: no clip could be decoded.")
    present = [
        status for status in STATUS_MEANINGS if any((label, status) in survey.selected for label in survey.labels)
    ]
    totals = {label: sum(survey.selected[label, status] for status in present) for label in survey.labels}
    columns = [Column("Status"), *(Column(f"{LABEL_NAMES[label]}: frames", True) for label in survey.labels)]
    columns += [Column(f"{LABEL_NAMES[label]}: share", True) for label in survey.labels]
    columns.append(Column("Meaning"))
    rows = []
    for status in present:
        numbers = [survey.selected[label, status] for label in survey.labels]
        shares = [
            percent(number / totals[label]) if totals[label] else Absent("no frame")
            for label, number in zip(survey.labels, numbers, strict=True)
        ]
        rows.append(Row((status, *map(count, numbers), *shares, STATUS_MEANINGS[status])))
    note = (
        f"{count(survey.searched)} frames were searched in total; {count(survey.with_face)} have a face, "
        f"{count(survey.with_several)} have several."
    )
    return Table("Face status of the selected frames", columns, rows, note)
