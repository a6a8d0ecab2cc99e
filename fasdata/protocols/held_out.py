"""Which subjects of a source become validation."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from fasdata.records import LABELS, Clip


def subject_key(clip: Clip) -> str:
    """Return who is in the clip; a clip without a known person stands for itself."""
    return clip.subject or f"clip {clip.clip_id}"


def choose_subjects(dataset: str, clips: Sequence[Clip], share: float, seed: int) -> frozenset[str]:
    """Return the subjects of a dataset that are held out: about `share`, by a hash of seed, dataset and subject.

    People are drawn within groups of those who appear in the same labels, so that the mix stays; then both labels are
    made sure of on both sides. Empty where the dataset has too few people for that.
    """
    labels: dict[str, set[str]] = {}
    for clip in clips:
        labels.setdefault(subject_key(clip), set()).add(clip.label)
    order = sorted(labels, key=lambda subject: (_hash(seed, dataset, subject), subject))
    chosen: set[str] = set()
    for group in sorted({tuple(sorted(found)) for found in labels.values()}):
        members = [subject for subject in order if tuple(sorted(labels[subject])) == group]
        chosen.update(members[: int(len(members) * share + 0.5)])
    for label in LABELS:
        if not _has(label, chosen, labels):
            chosen.update([subject for subject in order if label in labels[subject]][:1])
    rest = set(labels) - chosen
    both_sides = all(_has(label, side, labels) for side in (chosen, rest) for label in LABELS)
    return frozenset(chosen) if both_sides else frozenset()


def _hash(seed: int, dataset: str, subject: str) -> str:
    return hashlib.sha256(f"{seed}/{dataset}/{subject}".encode()).hexdigest()


def _has(label: str, subjects: Iterable[str], labels: dict[str, set[str]]) -> bool:
    return any(label in labels[subject] for subject in subjects)
