"""Audit a manifest against its stores: leakage, contradictory labels, uneven losses, near-duplicates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow.compute as pc

from fasdata.audit.findings import Finding, contradictions, presenters_across, uneven_losses
from fasdata.audit.near import ClipHashes, near_duplicates
from fasdata.library import Library
from fasdata.manifests import Manifest
from fasdata.manifests.leakage import contents_of, find_crossing, same_content
from fasdata.progress import progress
from fasdata.records import LABELS, ClipRecord
from fasdata.store.reader import Store


@dataclass(frozen=True)
class AuditReport:
    """The findings about a manifest, worst first."""

    name: str
    clips: int
    findings: tuple[Finding, ...]

    @property
    def stops(self) -> tuple[Finding, ...]:
        """The findings that forbid to build the manifest."""
        return tuple(finding for finding in self.findings if finding.severity == "stop")

    def text(self) -> str:
        """Return the report as text."""
        lines = [f"{self.name}: {self.clips} clips"]
        lines += [f"  {finding.severity:<8} {finding.line()}" for finding in self.findings]
        return "\n".join(lines if self.findings else [*lines, "  nothing found"])


@dataclass(frozen=True)
class _PlacedClip:
    part: str
    record: ClipRecord

    @property
    def name(self) -> str:
        return f"{self.record.clip.dataset}/{self.record.clip.clip_id}"


def audit_manifest(manifest: Manifest, library: Library, *, near: bool = True) -> AuditReport:
    """Audit a manifest against the stores it was built from.

    Raises:
        UserError: a store is missing or has changed.
    """
    stores = manifest.open_stores(library)
    placed = _placed(manifest, stores)
    findings = [
        *_leakage(placed),
        *_same_content_other_label(placed),
        *contradictions([clip.record.clip for clip in placed]),
        *presenters_across([clip.record.clip for clip in placed], [clip.part for clip in placed]),
        *uneven_losses(_losses(manifest)),
        *_modalities(manifest),
    ]
    if near:
        findings += near_duplicates(_hashes(placed, stores))
    rank = ("stop", "warning", "note")
    name = f"{manifest.meta['canonical']} / {manifest.meta['recipe']['name']}"
    return AuditReport(name, len(placed), tuple(sorted(findings, key=lambda finding: rank.index(finding.severity))))


def _placed(manifest: Manifest, stores: Mapping[str, Store]) -> list[_PlacedClip]:
    keys = ["part", "dataset", "clip_id"]
    rows = manifest.table.select(keys).group_by(keys).aggregate([]).to_pylist()
    return [_PlacedClip(row["part"], stores[row["dataset"]].record(row["clip_id"])) for row in rows]


def _leakage(placed: list[_PlacedClip]) -> list[Finding]:
    parts, names = [clip.part for clip in placed], [clip.name for clip in placed]
    records = [clip.record for clip in placed]
    people = [f"{record.clip.dataset}/{record.clip.subject}" if record.clip.subject else "" for record in records]
    contents = same_content(contents_of(record) if record.status == "ok" else () for record in records)
    crossings = (
        find_crossing("clip", names, parts),
        find_crossing("person", people, parts),
        find_crossing("content", contents, parts, names),
    )
    return [
        Finding(
            "leakage", "stop", crossing.number, f"times the same {crossing.kind} in two parts", tuple(crossing.examples)
        )
        for crossing in crossings
        if crossing
    ]


def _same_content_other_label(placed: list[_PlacedClip]) -> list[Finding]:
    by_content: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for clip in placed:
        record = clip.record
        if record.pixel_hash and record.status == "ok":
            by_content[record.pixel_hash].setdefault(record.clip.label, clip.name)
    both = [" = ".join(names.values()) for names in by_content.values() if len(names) > 1]
    if not both:
        return []
    return [Finding("label contradiction", "warning", len(both), "recordings bona fide and attack", tuple(both[:3]))]


def _losses(manifest: Manifest) -> dict[tuple[str, str], dict[str, tuple[int, int]]]:
    cells: defaultdict[tuple[str, str], dict[str, tuple[int, int]]] = defaultdict(lambda: dict.fromkeys(LABELS, (0, 0)))
    for count in manifest.meta["counts"]:
        lost, every = cells[count["part"], count["dataset"]][count["label"]]
        cells[count["part"], count["dataset"]][count["label"]] = lost + count["fta"], every + count["clips"]
    for drop in manifest.meta["drops"]:
        lost, every = cells[drop["part"], drop["dataset"]][drop["label"]]
        cells[drop["part"], drop["dataset"]][drop["label"]] = lost + drop["clips"], every + drop["clips"]
    return cells


def _modalities(manifest: Manifest) -> list[Finding]:
    keys = ["part", "dataset", "missing_reason"]
    rows = manifest.table.select(keys).filter(pc.not_equal(manifest.table["missing_reason"], ""))
    counted = rows.group_by(keys).aggregate([([], "count_all")]).to_pylist()
    return [
        Finding(
            "missing modality",
            "warning" if "absent" in row["missing_reason"] else "note",
            row["count_all"],
            f"frames of {row['dataset']} in {row['part']}: {row['missing_reason']}",
        )
        for row in sorted(counted, key=lambda row: (row["part"], row["dataset"], row["missing_reason"]))
    ]


def _hashes(placed: list[_PlacedClip], stores: Mapping[str, Store]) -> list[ClipHashes]:
    from fasdata.audit.near import frame_hashes

    hashes = []
    with progress("perceptual hashes", len(placed), "clips") as bar:
        for clip in placed:
            of_clip = frame_hashes(clip.record, stores[clip.record.clip.dataset])
            hashes.append(ClipHashes(clip.name, clip.part, of_clip))
            bar.advance(1)
    return hashes
