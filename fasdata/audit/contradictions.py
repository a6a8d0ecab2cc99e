"""Labels, attack types and species that cannot be true together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from fasdata.audit.finding import Finding
from fasdata.records import ATTACK, BONAFIDE, Clip

# Beginnings of species names and the attack type they belong to.
_SPECIES = {
    "print": "print", "display": "replay", "papercraft": "mask-paper", "paper-uncut": "mask-paper",
    "paper-cut": "mask-paper", "rigid": "mask-3d", "silicone": "mask-3d", "transparent": "mask-3d", "half": "mask-3d",
    "plaster": "mask-3d", "resin": "mask-3d", "3d-print": "mask-3d", "mannequin": "mannequin",
    "funny-eye-glasses": "partial", "paper-glasses": "partial", "partial": "partial", "cosmetic": "makeup",
    "impersonation": "makeup", "obfuscation": "makeup", "tattoo": "makeup", "bf": "bonafide",
}  # fmt: skip


def contradictions(clips: Iterable[Clip]) -> list[Finding]:
    """Return findings about clips whose label, attack type and species do not agree."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for clip in clips:
        problem = _problem(clip)
        if problem:
            found[problem].append(f"{clip.dataset}/{clip.clip_id}")
    return [
        Finding("label contradiction", "warning", len(names), f"clips: {problem}", tuple(names[:3]))
        for problem, names in sorted(found.items())
    ]


def _problem(clip: Clip) -> str:
    if clip.label == BONAFIDE and clip.attack_type not in ("", BONAFIDE):
        return f"bona fide with the attack type {clip.attack_type}"
    if clip.label == ATTACK and clip.attack_type == BONAFIDE:
        return "attack with the attack type bonafide"
    belongs = next(
        (kind for start, kind in _SPECIES.items() if clip.pai == start or clip.pai.startswith(f"{start}-")), ""
    )
    if belongs and clip.attack_type not in ("", "unknown", belongs):
        return f"species {clip.pai} with the attack type {clip.attack_type}"
    return ""
