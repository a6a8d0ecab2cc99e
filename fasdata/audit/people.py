"""People who hold or wear an attack in one part and are seen in another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from fasdata.audit.finding import Finding
from fasdata.records import BONAFIDE, Clip

NOBODY = ("", "0", "00", "000")  # an attack on a stand


def presenters_across(clips: Sequence[Clip], parts: Sequence[str]) -> list[Finding]:
    """Return a warning about presenters (field `presenter`) who present, or appear bona fide, in two parts.

    The subject of such a dataset is the identity presented, by which splits are disjoint; presenters need not be.
    """
    seen: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    presenting: set[tuple[str, str]] = set()
    for clip, part in zip(clips, parts, strict=True):
        presenter = clip.fields.get("presenter", "")
        if presenter not in NOBODY:
            seen[clip.dataset, presenter].add(part)
            presenting.add((clip.dataset, presenter))
        if clip.label == BONAFIDE and clip.subject:
            seen[clip.dataset, clip.subject].add(part)
    crossing = sorted(person for person in presenting if len(seen[person]) > 1)
    if not crossing:
        return []
    shown = [f"{dataset}/{person} in {' and '.join(sorted(seen[dataset, person]))}" for dataset, person in crossing[:3]]
    return [
        Finding(
            "presenters", "warning", len(crossing), "people present attacks and are seen in two parts", tuple(shown)
        )
    ]
