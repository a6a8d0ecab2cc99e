"""Compare the content of a store with its release, and tell how it was made: settings, detector, licences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from fasdata.datasets.card import Layout
from fasdata.datasets.scan import ScanResult
from fasdata.datasets.verify import Verification, compare
from fasdata.faces.detectors import detector_licence
from fasdata.page.page import Subsection
from fasdata.page.parts import Column, Details, Facts, Paragraph, Row, Table
from fasdata.page.spelling import Absent, count, excess, text
from fasdata.records import BONAFIDE, SPLITS
from fasdata.report.survey import LABEL_NAMES, Survey, groups_of
from fasdata.store.shards import shard_paths

# -- Counts of clips, against the release -----------------------------------------------------------------------------

SPLIT_NAMES = {**{split: split for split in SPLITS}, "all": "all splits", "": "split unknown"}
_SHOWN = 10


def against_release(survey: Survey) -> Verification | None:
    """Compare the store's clips with the dataset's card; None where there is no card, or none for this layout."""
    layout = _layout(survey)
    if survey.card is None or layout is None:
        return None
    frames = dict(zip(survey.clips["clip_id"], survey.clips["n_frames"], strict=True))
    return compare(survey.card, ScanResult(survey.records, [], layout, frames=frames))


def holdings(survey: Survey, release: Verification | None, anchor: str) -> Subsection:
    """Return the counts against the release, then the outcomes of each attack type."""
    parts: list[Any] = [_expected(survey, release), *_missing(release), _by_type(survey)]
    if survey.clips["pai"].ne("").any():
        parts.append(Details("The same by species (PAI)", [_by_species(survey)]))
    lead = "All recordings count here, also those in which no face was found."
    return Subsection(anchor, "Counts", parts, lead)


def _expected(survey: Survey, release: Verification | None) -> Table | Paragraph:
    if release is None:
        why = "its layout is not one of the card's" if survey.card else "no card of this dataset comes with fasdata"
        return Paragraph(f"The numbers are not compared with the release: {why}.")
    if all(line.expected is None for line in release.lines):
        return Paragraph("The numbers are not compared with the release: the dataset's card gives none.")
    unit = f"{release.result.layout_spec.unit}s"
    rows = [
        Row(
            (
                SPLIT_NAMES.get(line.split, line.split),
                LABEL_NAMES.get(line.label, "either label" if line.label == "any" else "label unknown"),
                count(line.present),
                count(line.expected, "not known"),
                _difference(line.present, line.expected),
            ),
            "strong" if line.deviates else "",
        )
        for line in release.lines
    ]
    columns = [Column("Split"), Column("Label"), Column(f"Found {unit}", True), Column("Expected", True),
               Column("Difference", True)]  # fmt: skip
    agreement = "" if any(line.deviates for line in release.lines) else " All numbers agree."
    note = f"Expected: from the dataset's card; rows that differ are in bold.{agreement}"
    return Table(f"{unit.capitalize()} against the release", columns, rows, note)


def _difference(number: int, expected: int | None) -> str | Absent:
    if expected is None:
        return Absent("not known")
    if number == expected:
        return "0"
    return f"{number - expected:+} ({excess(number, expected)})" if expected else f"{number:+}"


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
_SUBJECTS = "Subjects: people with a name or number; an attack counts for the person that it shows. 0: not known."


def spell_type(attack_type: str) -> str:
    """Return an attack type for a table; a dash for bona fide recordings, which have none."""
    return "–" if attack_type == BONAFIDE else attack_type


def _counts(clips: Any) -> list[Any]:
    outcomes = Counter(clips["status"])
    subjects = set(clips["subject"]) - {""}
    stored = int(clips["stored"].sum())
    return [count(n) for n in (len(clips), outcomes["ok"], outcomes["fta"], outcomes["failed"], stored, len(subjects))]


def _order(split: str, label: str, kind: str) -> tuple[int, int, str]:
    return list(SPLIT_NAMES).index(split), list(LABEL_NAMES).index(label), kind


def _layout(survey: Survey) -> Layout | None:
    """Return the card's layout of most clips; that of an own table is in no card."""
    names = Counter(clip.layout for clip in survey.records)
    most_common = names.most_common(1)[0][0] if names else ""
    layouts = survey.card.layouts if survey.card else ()
    return next((layout for layout in layouts if layout.name == most_common), None)


# -- How a store was made: settings, detector, licences ---------------------------------------------------------------

# Settings with a line of their own; the others of store.json are listed by their key.
_OWN_LINES = {"frames", "detector", "detector_weights_sha256", "detector_settings"}


def origin(survey: Survey, anchor: str) -> Subsection:
    """Return the settings that made the store, and the licences of the dataset and of the detector's weights."""
    info, config, card = survey.store.info, survey.store.info.config, survey.terms
    detector = str(config.get("detector", ""))
    no_card = "no card of this dataset comes with fasdata"
    facts = [
        ("Licence of the dataset", text(card.licence) if card else Absent(no_card)),
        ("Owner", text(card.owner) if card else Absent(no_card)),
        ("Use", _use(card.research_only) if card else Absent(no_card)),
        ("Detector", text(detector)),
        ("Sha256 of its weights or faces", text(config.get("detector_weights_sha256"), "it has none")),
        ("Detector settings", text(spell(config.get("detector_settings")), "none")),
        ("Licence of the detector's weights", detector_licence(detector)),
        ("Faces searched on", text(", ".join(info.devices), "not recorded")),
        ("Frame rules", text(", ".join(survey.rules), "no clip was decoded")),
        ("Layout", text(", ".join(sorted({clip.layout for clip in survey.records if clip.layout})))),
        ("Made with fasdata", text(info.tool_version)),
        ("Size on disk", _size(survey)),
        ("Content hash", survey.store.content_hash()),
    ]
    settings = [(key.replace("_", " "), text(spell(value), "none")) for key, value in sorted(config.items())
                if key not in _OWN_LINES]  # fmt: skip
    details = Details("All settings of the extraction", [Facts([*settings, ("Fingerprint", info.fingerprint)])])
    return Subsection(anchor, "How it was made", [Facts(facts), details])


def spell(value: Any) -> str:
    """Spell a setting: mappings as `key value`, lists with commas, truth values as yes or no."""
    if isinstance(value, Mapping):
        return ", ".join(f"{str(key).replace('_', ' ')} {spell(entry)}" for key, entry in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(spell(entry) for entry in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def size_on_disk(survey: Survey) -> int:
    """Return the size of the store's shards on disk in bytes."""
    # A shard is a sparse file, whose length is the size of its map.
    return sum(path.stat().st_blocks * 512 for path in shard_paths(survey.store.folder))


def _size(survey: Survey) -> str:
    shards = len(shard_paths(survey.store.folder))
    megabytes = size_on_disk(survey) / 1e6
    size = count(megabytes) if megabytes >= 10 else f"{megabytes:.1f}"
    return f"{size} MB in {shards} {'shard' if shards == 1 else 'shards'}"


def _use(research_only: bool) -> str:
    return "research only" if research_only else "not limited to research by its card"
