"""Compare a copy of a dataset with its release: `fasdata verify`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from fasdata.datasets.card import Card
from fasdata.datasets.layouts import spell_rates
from fasdata.datasets.scan import ScanResult, scan
from fasdata.datasets.tree import natural_key

_SHOWN = 5
_ORDER = ("train", "dev", "test", "all", "")


@dataclass(frozen=True)
class CountLine:
    """The number of clips of one split and label in the copy, and that in the release (None: not known)."""

    split: str
    label: str
    present: int
    expected: int | None

    @property
    def deviates(self) -> bool:
        """Whether the two numbers differ."""
        return self.expected is not None and self.present != self.expected


@dataclass(frozen=True)
class Verification:
    """The outcome of a comparison; `missing` are the ids of clips that a complete copy has and this one lacks."""

    card: Card
    result: ScanResult
    lines: list[CountLine]
    missing: list[str]

    @property
    def deviations(self) -> list[str]:
        """The differences from the release, one text each."""
        incomplete, unmatched, second = self.result.incomplete, self.result.unmatched, self.result.second_files
        texts = [
            f"{line.split} {line.label}: {line.present} of {line.expected} {self.result.layout_spec.unit}s"
            for line in self.lines
            if line.deviates
        ]
        if self.missing:
            texts.append(f"{len(self.missing)} missing: {_some(self.missing)}")
        if self.result.skipped:
            texts.append(f"{len(self.result.skipped)} entries cannot be read: {_some(list(self.result.skipped))}")
        if unmatched:
            texts.append(f"{len(unmatched)} media that no rule matches: {_some(unmatched)}")
        if second:
            texts.append(f"{len(second)} second files of clips: {_some(second)}")
        if incomplete:
            first, words = next(iter(incomplete.items()))
            texts.append(f"{len(incomplete)} clips lack a modality, such as {first} ({' and '.join(words)})")
        return texts


def verify(card: Card, root: Path, *, lists: Path | None = None, layout: str = "") -> Verification:
    """Compare the tree below `root` with the release.

    Raises:
        UserError: as `scan`.
    """
    return compare(card, scan(card, root, lists=lists, layout=layout))


def compare(card: Card, result: ScanResult) -> Verification:
    """Compare the clips of a scan with the release."""
    have = {clip.clip_id for clip in result.clips}
    spec = result.layout_spec
    wanted = [clip_id for group in spec.complete for clip_id in group.clip_ids()]
    if spec.table is not None:
        wanted = list(spec.table.clips)
    missing = sorted((clip_id for clip_id in wanted if clip_id not in have), key=natural_key)
    return Verification(card, result, count_lines(card, result), missing)


def count_lines(card: Card, result: ScanResult) -> list[CountLine]:
    """Return the numbers in the copy and in the release by split and label.

    Where list files are missing, splits (or the labels of a split) are taken together.
    """
    present: Counter[tuple[str, str]] = Counter()
    by_frame = result.layout_spec.unit == "frame"
    for clip in result.clips:
        present[clip.split, clip.label] += result.frames.get(clip.clip_id, 0) if by_frame else 1
    expected: Counter[tuple[str, str]] = Counter()
    for part, count in card.counts_of(result.layout_spec).items():
        expected[part, "bonafide"] += count.bonafide
        expected[part, "attack"] += count.attack
    if any(not split for split, _ in present) or any(split == "all" for split, _ in expected):
        present, expected = _pooled(present, 0), _pooled(expected, 0)
    for split in {split for split, label in present if not label}:
        present, expected = _pooled(present, 1, split), _pooled(expected, 1, split)
    keys = sorted({*present, *expected}, key=lambda key: (_ORDER.index(key[0]), key[1] != "bonafide"))
    return [
        CountLine(split, label, present[split, label], expected[split, label] if expected else None)
        for split, label in keys
    ]


def describe_verification(verification: Verification) -> str:
    """Return the comparison as text."""
    card, result = verification.card, verification.result
    lines = [f"{card.name}: layout {result.layout} (of the media match: {spell_rates(dict(result.rates))})"]
    for line in verification.lines:
        expected = "" if line.expected is None else f" of {line.expected}"
        mark = "  <- differs" if line.deviates else ""
        lines.append(f"  {line.split:5} {line.label:8} {line.present:7}{expected} {result.layout_spec.unit}s{mark}")
    people = {clip.subject for clip in result.clips if clip.subject}
    lines.append(f"  people: {len(people) or 'not stated by the paths'}" + (f" ({card.people})" if card.people else ""))
    kinds = Counter(reject.kind for reject in result.rejected)
    lines += [f"  {number} {kind}" for kind, number in sorted(kinds.items())]
    lines += [f"  {note}" for note in result.notes]
    lines += [f"  not checked: {words}" for words in card.unconfirmed]
    deviations = verification.deviations
    lines += [f"warning: {text}" for text in deviations]
    lines.append(f"{len(deviations)} deviations" if deviations else "complete: every known count is right")
    return "\n".join(lines)


def _pooled(counts: Counter[tuple[str, str]], place: int, split: str = "") -> Counter[tuple[str, str]]:
    """Return the counts with all splits taken together (place 0), or all labels of one split (place 1)."""
    pooled: Counter[tuple[str, str]] = Counter()
    for (of, label), number in counts.items():
        if place == 0:
            of = "all"
        elif of == split:
            label = "any"
        pooled[of, label] += number
    return pooled


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
