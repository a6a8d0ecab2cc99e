"""What came of an extraction: outcomes by label and attack type, reasons, and what was left alone."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from fasdata.records import ClipRecord


@dataclass
class ExtractReport:
    """What a store holds after a run, and what the run did."""

    dataset: str
    folder: Path
    found: int = 0
    already: int = 0
    described_anew: int = 0  # of those: label, split or another fact of the path or the lists has changed
    widened: int = 0  # of those: frames were added, for rules that the store did not have
    outcomes: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # (label, attack type, status)
    reasons: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # (label, status, reason)
    frames: Counter[str] = field(default_factory=Counter)  # face status of the chosen frames
    modalities: Counter[str] = field(default_factory=Counter)  # stored images of each modality
    dark: int = 0  # stored frames on which there is nothing to see
    failed: list[str] = field(default_factory=list)  # relpath: reason
    not_widened: list[str] = field(default_factory=list)  # relpath: why no frames could be added
    notes: dict[str, list[str]] = field(default_factory=dict)  # note, its numbers as N -> relpaths
    content_hash: str = ""

    def count(self, record: ClipRecord) -> None:
        """Add one clip."""
        label, path = record.clip.label or "unknown", record.clip.relpaths.get("rgb", record.clip.clip_id)
        self.outcomes[label, record.clip.attack_type or "unknown", record.status] += 1
        if record.status != "ok":
            self.reasons[label, record.status, _without_numbers(record.reason)] += 1
        if record.status == "failed":
            self.failed.append(f"{path}: {record.reason}")
        chosen = {index for indices in record.selections.values() for index in indices}
        self.frames.update(frame.status for frame in record.frames if frame.index in chosen)
        for frame in record.frames:
            self.modalities.update(frame.crop.modalities if frame.crop else ())
            self.dark += frame.dark
        for note in record.notes:
            self.notes.setdefault(_without_numbers(note), []).append(path)

    def counts(self, label: str, attack_type: str = "") -> tuple[int, int, int]:
        """Return how many clips of a label (and attack type) are usable, show no face, and could not be decoded."""
        of = {
            status: sum(
                number
                for (its_label, type_, its_status), number in self.outcomes.items()
                if its_label == label and attack_type in ("", type_) and its_status == status
            )
            for status in ("ok", "fta", "failed")
        }
        return of["ok"], of["fta"], of["failed"]


def _without_numbers(reason: str) -> str:
    """Return the text with its free-standing numbers as N, so that equal reasons count together."""
    return re.sub(r"(?<![\w(])\d+(?![\w)])", "N", reason)
