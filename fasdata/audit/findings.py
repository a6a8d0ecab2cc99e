"""Findings about clips: contradictory labels, presenters in two parts, losses that differ between labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from fasdata.records import ATTACK, BONAFIDE, Clip


@dataclass(frozen=True)
class Finding:
    """A kind of problem, how often it occurs, and examples; `stop` forbids to build a manifest."""

    kind: str
    severity: Literal["stop", "warning", "note"]
    number: int
    what: str
    examples: tuple[str, ...] = ()

    def line(self) -> str:
        """Return the finding in one line, with up to three examples."""
        examples = f", such as {'; '.join(self.examples[:3])}" if self.examples else ""
        return f"{self.kind}: {self.number} {self.what}{examples}"


# -- Labels, attack types and PAI species that contradict each other --------------------------------------------------

# The attack type of PAI species, by the beginning of the species' name.
_SPECIES = {
    "print": "print", "display": "replay", "papercraft": "mask-paper", "paper-uncut": "mask-paper",
    "paper-cut": "mask-paper", "rigid": "mask-3d", "silicone": "mask-3d", "transparent": "mask-3d", "half": "mask-3d",
    "plaster": "mask-3d", "resin": "mask-3d", "3d-print": "mask-3d", "mannequin": "mannequin",
    "funny-eye-glasses": "partial", "paper-glasses": "partial", "partial": "partial", "cosmetic": "makeup",
    "impersonation": "makeup", "obfuscation": "makeup", "tattoo": "makeup", "bf": "bonafide",
}  # fmt: skip


def contradictions(clips: Iterable[Clip]) -> list[Finding]:
    """Return findings about clips whose label, attack type and PAI species contradict each other."""
    clips_with: defaultdict[str, list[str]] = defaultdict(list)
    for clip in clips:
        problem = _problem(clip)
        if problem:
            clips_with[problem].append(f"{clip.dataset}/{clip.clip_id}")
    return [
        Finding("label contradiction", "warning", len(names), f"clips: {problem}", tuple(names[:3]))
        for problem, names in sorted(clips_with.items())
    ]


def _problem(clip: Clip) -> str:
    if clip.label == BONAFIDE and clip.attack_type not in ("", BONAFIDE):
        return f"bona fide with the attack type {clip.attack_type}"
    if clip.label == ATTACK and clip.attack_type == BONAFIDE:
        return "attack with the attack type bonafide"
    belongs = _attack_type_of(clip.pai)
    if belongs and clip.attack_type not in ("", "unknown", belongs):
        return f"species {clip.pai} with the attack type {clip.attack_type}"
    return ""


@lru_cache(maxsize=4096)
def _attack_type_of(pai: str) -> str:
    return next((kind for start, kind in _SPECIES.items() if pai == start or pai.startswith(f"{start}-")), "")


# -- Presenters: people who hold or wear an attack --------------------------------------------------------------------

NO_PRESENTER = ("", "0", "00", "000")  # the attack is on a stand


def presenters_across(clips: Sequence[Clip], parts: Sequence[str]) -> list[Finding]:
    """Return a warning about presenters (field `presenter`) who are in two parts, presenting or bona fide.

    The subject of such a dataset is the identity presented, by which splits are disjoint; presenters need not be.
    """
    parts_of: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    presenting: set[tuple[str, str]] = set()
    for clip, part in zip(clips, parts, strict=True):
        presenter = clip.fields.get("presenter", "")
        if presenter not in NO_PRESENTER:
            parts_of[clip.dataset, presenter].add(part)
            presenting.add((clip.dataset, presenter))
        if clip.label == BONAFIDE and clip.subject:
            parts_of[clip.dataset, clip.subject].add(part)
    crossing = sorted(person for person in presenting if len(parts_of[person]) > 1)
    if not crossing:
        return []
    examples = [
        f"{dataset}/{person} in {' and '.join(sorted(parts_of[dataset, person]))}" for dataset, person in crossing[:3]
    ]
    return [
        Finding("presenters", "warning", len(crossing), "people present attacks and are in two parts", tuple(examples))
    ]


# -- Losses that differ between labels: a detector that loses more of one label biases every error rate ---------------

LIMIT = 0.05  # largest accepted difference between the shares of clips that the two labels lose

Cell = tuple[str, str]  # part, dataset


def uneven_losses(cells: Mapping[Cell, Mapping[str, tuple[int, int]]]) -> list[Finding]:
    """Return findings where the two labels' shares of clips without a usable frame differ by more than 0.05.

    `cells` gives (lost clips, all clips) by label for each part and dataset.
    """
    findings = []
    for (part, dataset), by_label in cells.items():
        rates = {label: lost / every for label, (lost, every) in by_label.items() if every}
        if len(rates) == 2 and abs(rates[BONAFIDE] - rates[ATTACK]) > LIMIT:
            shares = " and ".join(
                f"{by_label[label][0]} of {by_label[label][1]} {label}" for label in (BONAFIDE, ATTACK)
            )
            lost = sum(number for number, _ in by_label.values())
            findings.append(
                Finding(
                    "uneven losses", "warning", lost, f"clips of {dataset} in {part} without a usable frame: {shares}"
                )
            )
    return findings
