"""What a store holds: clips by split, label and attack type, against what the release holds."""

from __future__ import annotations

from collections import Counter
from typing import Any

from fasdata.datasets.card import Layout
from fasdata.datasets.scan import ScanResult
from fasdata.datasets.verify import Verification, compare
from fasdata.records import BONAFIDE, SPLITS
from fasdata.report.prose import Details, Paragraph
from fasdata.report.subsection import Subsection
from fasdata.report.survey import LABEL_NAMES, Survey, groups_of
from fasdata.report.table import Column, Row, Table
from fasdata.report.value import Absent, count

SPLIT_NAMES = {**{split: split for split in SPLITS}, "all": "all splits", "": "split unknown"}
_SHOWN = 10


def against_release(survey: Survey) -> Verification | None:
    """Return the comparison of the store's clips with the dataset's card, None where there is nothing to compare."""
    layout = _layout(survey)
    if survey.card is None or layout is None:
        return None
    frames = dict(zip(survey.clips["clip_id"], survey.clips["n_frames"], strict=True))
    return compare(survey.card, ScanResult(survey.records, [], layout, frames=frames))


def holdings(survey: Survey, release: Verification | None, anchor: str) -> Subsection:
    """Return the counts against the release, then every attack type with what became of its clips."""
    parts: list[Any] = [_expected(survey, release), *_missing(release), _by_type(survey)]
    if survey.clips["pai"].ne("").any():
        parts.append(Details("The same by species (PAI)", [_by_species(survey)]))
    lead = "Before anything was lost: a recording counts here even when no face was found in it."
    return Subsection(anchor, "Counts", parts, lead)


def _expected(survey: Survey, release: Verification | None) -> Table | Paragraph:
    if release is None:
        why = "its layout is not one of the card's" if survey.card else "no card of this dataset comes with fasdata"
        return Paragraph(f"The numbers are not compared with a release: {why}.")
    if all(line.expected is None for line in release.lines):
        return Paragraph("The numbers are not compared with a release: the dataset's card knows of none.")
    unit = f"{release.result.layout_spec.unit}s"
    rows = [
        Row(
            (
                SPLIT_NAMES.get(line.split, line.split),
                LABEL_NAMES.get(line.label, "either label" if line.label == "any" else "label unknown"),
                count(line.found),
                count(line.expected, "not known"),
                _difference(line.found, line.expected),
            ),
            "strong" if line.deviates else "",
        )
        for line in release.lines
    ]
    columns = [Column("Split"), Column("Label"), Column(f"Found {unit}", True), Column("Expected", True),
               Column("Difference", True)]  # fmt: skip
    whole = "" if any(line.deviates for line in release.lines) else " All numbers agree."
    note = f"Expected: what the dataset's card says of the release; rows that differ are set off.{whole}"
    return Table(f"{unit.capitalize()} against the release", columns, rows, note)


def _difference(found: int, expected: int | None) -> str | Absent:
    if expected is None:
        return Absent("not known")
    if found == expected:
        return "0"
    return f"{found - expected:+} ({100 * (found - expected) / expected:+.1f} %)" if expected else f"{found:+}"


def _missing(release: Verification | None) -> list[Details]:
    if release is None or not release.missing:
        return []
    shown = ", ".join(release.missing[:_SHOWN])
    rest = len(release.missing) - _SHOWN
    words = f"{shown} and {rest} more ('fasdata verify' compares the raw copy)." if rest > 0 else f"{shown}."
    return [Details(f"{len(release.missing)} clips of the release are missing, by name", [Paragraph(words)])]


def _by_type(survey: Survey) -> Table:
    columns = [Column("Split"), Column("Label"), Column("Attack type"), *_COUNTED]
    keys = ["split", "label", "attack_type"]
    rows = []
    for (split, label, kind), group in groups_of(survey.clips, keys):
        rows.append(
            (_order(split, label, kind), (SPLIT_NAMES[split], LABEL_NAMES[label], spell_type(kind), *_counts(group)))
        )
    cells = [cells for _, cells in sorted(rows)]
    total = ("all", "", "", *_counts(survey.clips))
    return Table("Clips by attack type", columns, [*map(Row, cells), Row(total, "strong")], _SUBJECTS)


def _by_species(survey: Survey) -> Table:
    columns = [Column("Species"), Column("Attack type"), *_COUNTED]
    of_species = groups_of(survey.clips[survey.clips["pai"].ne("")], ["attack_type", "pai"])
    rows = [Row((species, kind, *_counts(group))) for (kind, species), group in of_species]
    return Table("Clips by species", columns, rows)


_COUNTED = [Column(name, True) for name in ("Clips", "Usable", "No face", "Failed", "Stored frames", "Subjects")]
_SUBJECTS = "Subjects: people known by name or number; an attack counts for the person it shows. 0: not known."


def spell_type(attack_type: str) -> str:
    """Return an attack type as a cell of a table: a dash for bona fide recordings, which have none."""
    return "–" if attack_type == BONAFIDE else attack_type


def _counts(clips: Any) -> list[Any]:
    of = Counter(clips["status"])
    subjects = set(clips["subject"]) - {""}
    stored = int(clips["stored"].sum())
    return [count(n) for n in (len(clips), of["ok"], of["fta"], of["failed"], stored, len(subjects))]


def _order(split: str, label: str, kind: str) -> tuple[int, int, str]:
    return list(SPLIT_NAMES).index(split), list(LABEL_NAMES).index(label), kind


def _layout(survey: Survey) -> Layout | None:
    """Return the card's layout that most clips are in; own tables have one that no card lists."""
    names = Counter(clip.layout for clip in survey.records)
    wanted = names.most_common(1)[0][0] if names else ""
    return next((one for one in (survey.card.layouts if survey.card else ()) if one.name == wanted), None)
