"""The gate inside a build: leakage stops it, contradictions are told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from fasdata.audit.contradictions import contradictions
from fasdata.audit.rates import uneven_losses
from fasdata.manifest.leakage import find_crossing, require_none
from fasdata.manifest.meta import Leakage
from fasdata.protocols.tallies import Placed
from fasdata.records import LABELS


def pass_gate(placed: Sequence[Placed], reason: str) -> Leakage | None:
    """Stop where a clip, a person or the content of a clip stands in two parts.

    With a `reason` it is let through, and what crosses is returned for the manifest.
    """
    parts = [item.part for item in placed]
    clips = [item.entry.clip for item in placed]
    names = [f"{clip.dataset}/{clip.clip_id}" for clip in clips]
    people = [f"{clip.dataset}/{clip.subject}" if clip.subject else "" for clip in clips]
    # Without a usable frame there is no content to compare.
    contents = [item.entry.pixel_hash if item.frames else "" for item in placed]
    found = [
        find_crossing("clip", names, parts),
        find_crossing("person", people, parts),
        find_crossing("content", contents, parts, names),
    ]
    if reason.strip():
        crossing = [one for one in found if one]
        return Leakage(reason=reason.strip(), found=crossing) if crossing else None
    for one in found:
        require_none(one)
    return None


def warn_about(placed: Sequence[Placed]) -> list[str]:
    """Return one line for each kind of contradiction and for losses that differ between labels."""
    said = [finding.line() for finding in contradictions([item.entry.clip for item in placed])]
    cells: defaultdict[tuple[str, str], dict[str, tuple[int, int]]] = defaultdict(lambda: dict.fromkeys(LABELS, (0, 0)))
    for item in placed:
        lost, every = cells[item.part, item.entry.clip.dataset][item.entry.clip.label]
        cells[item.part, item.entry.clip.dataset][item.entry.clip.label] = lost + (not item.frames), every + 1
    return said + [finding.line() for finding in uneven_losses(cells)]
