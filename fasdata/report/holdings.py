"""What a store holds against what the release holds, and what made it: settings, detector, licences."""

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
from fasdata.page.spelling import Absent, count, text
from fasdata.records import BONAFIDE, SPLITS
from fasdata.report.survey import LABEL_NAMES, Survey, groups_of
from fasdata.store.shards import shard_paths

# -- What a store holds: clips by split, label and attack type, against what the release holds ------------------------


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


# -- What made a store: settings, detector and weights, and under which licences --------------------------------------


# What is said in words of its own; every other setting of store.json is listed by its key.
_TOLD = {"frames", "detector", "detector_weights_sha256", "detector_settings"}


def origin(survey: Survey, anchor: str) -> Subsection:
    """Return what made the store, and the licences of the dataset and of the detector's weights."""
    info, config, card = survey.store.info, survey.store.info.config, survey.card
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
        ("Frame rules", text(", ".join(survey.rules), "no clip was decoded")),
        ("Layout", text(", ".join(sorted({clip.layout for clip in survey.records if clip.layout})))),
        ("Made with fasdata", text(info.tool_version)),
        ("Size on disk", _size(survey)),
        ("Content hash", survey.store.content_hash()),
    ]
    settings = [(key.replace("_", " "), text(spell(value), "none")) for key, value in sorted(config.items())
                if key not in _TOLD]  # fmt: skip
    whole = Details("All settings of the extraction", [Facts([*settings, ("Fingerprint", info.fingerprint)])])
    return Subsection(anchor, "How it was made", [Facts(facts), whole])


def spell(value: Any) -> str:
    """Spell a setting: mappings as `key value`, lists with commas, truth as yes or no."""
    if isinstance(value, Mapping):
        return ", ".join(f"{str(key).replace('_', ' ')} {spell(one)}" for key, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(spell(one) for one in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def size_on_disk(survey: Survey) -> int:
    """Return the bytes that the store's shards take on disk."""
    # A shard is a sparse file: its length is the size of its map.
    return sum(path.stat().st_blocks * 512 for path in shard_paths(survey.store.folder))


def _size(survey: Survey) -> str:
    shards = len(shard_paths(survey.store.folder))
    megabytes = size_on_disk(survey) / 1e6
    size = count(megabytes) if megabytes >= 10 else f"{megabytes:.1f}"
    return f"{size} MB in {shards} {'shard' if shards == 1 else 'shards'}"


def _use(research_only: bool) -> str:
    return "research only" if research_only else "not limited to research by its card"
