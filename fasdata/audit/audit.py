"""Everything that can be asked of a manifest and its stores, and the answers as one report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow.compute as pc

from fasdata.audit.findings import Finding, contradictions, presenters_across, uneven_losses
from fasdata.audit.near import ClipHashes, near_duplicates
from fasdata.library import Library
from fasdata.manifest import Manifest
from fasdata.manifest.leakage import find_crossing
from fasdata.manifest.meta import Crossing
from fasdata.progress import progress
from fasdata.records import LABELS, ClipRecord
from fasdata.store.reader import Store


@dataclass(frozen=True)
class AuditReport:
    """What was found, worst first, of how many clips."""

    name: str
    clips: int
    findings: tuple[Finding, ...]

    @property
    def stops(self) -> tuple[Finding, ...]:
        """Findings with which no manifest should be built."""
        return tuple(finding for finding in self.findings if finding.severity == "stop")

    def text(self) -> str:
        """Return it for people."""
        lines = [f"{self.name}: {self.clips} clips"]
        lines += [f"  {finding.severity:<8} {finding.line()}" for finding in self.findings]
        return "\n".join(lines if self.findings else [*lines, "  nothing found"])


@dataclass(frozen=True)
class _Placed:
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
        *contradictions([one.record.clip for one in placed]),
        *presenters_across([one.record.clip for one in placed], [one.part for one in placed]),
        *uneven_losses(_losses(manifest)),
        *_modalities(manifest),
    ]
    if near:
        findings += near_duplicates(_hashes(placed, stores))
    rank = ("stop", "warning", "note")
    name = f"{manifest.meta['canonical']} / {manifest.meta['recipe']['name']}"
    return AuditReport(name, len(placed), tuple(sorted(findings, key=lambda one: rank.index(one.severity))))


def _placed(manifest: Manifest, stores: Mapping[str, Store]) -> list[_Placed]:
    keys = ["part", "dataset", "clip_id"]
    rows = manifest.table.select(keys).group_by(keys).aggregate([]).to_pylist()
    return [_Placed(row["part"], stores[row["dataset"]].record(row["clip_id"])) for row in rows]


def _leakage(placed: list[_Placed]) -> list[Finding]:
    parts, names = [one.part for one in placed], [one.name for one in placed]
    clips = [one.record.clip for one in placed]
    people = [f"{clip.dataset}/{clip.subject}" if clip.subject else "" for clip in clips]
    contents = [one.record.pixel_hash if one.record.status == "ok" else "" for one in placed]
    found = (
        find_crossing("clip", names, parts),
        find_crossing("person", people, parts),
        find_crossing("content", contents, parts, names),
    )
    return [_finding(one) for one in found if one]


def _finding(one: Crossing) -> Finding:
    return Finding("leakage", "stop", one.number, f"times the same {one.kind} in two parts", tuple(one.examples))


def _same_content_other_label(placed: list[_Placed]) -> list[Finding]:
    by_content: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for one in placed:
        if one.record.pixel_hash and one.record.status == "ok":
            by_content[one.record.pixel_hash].setdefault(one.record.clip.label, one.name)
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


def _hashes(placed: list[_Placed], stores: Mapping[str, Store]) -> list[ClipHashes]:
    from fasdata.audit.near import frame_hashes

    hashes = []
    with progress("perceptual hashes", len(placed), "clips") as bar:
        for one in placed:
            found = frame_hashes(one.record, stores[one.record.clip.dataset])
            hashes.append(ClipHashes(one.name, one.part, found))
            bar.advance(1)
    return hashes
