"""Check a build: leakage and wrong clip counts stop it, contradictions become warnings."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from fasdata.audit.findings import contradictions, uneven_losses
from fasdata.errors import UserError
from fasdata.manifests.leakage import find_crossing, require_no_crossing, same_content
from fasdata.manifests.meta import Deviation, Leakage
from fasdata.protocols.assign import Assignment, split_of
from fasdata.protocols.plan import Plan, Take
from fasdata.protocols.recipe_parts import all_hold
from fasdata.protocols.tallies import PlacedClip
from fasdata.records import LABELS, Clip

# -- Clip counts against those of the full datasets, before any clip is dropped ---------------------------------------

TOLERANCE = 0.02  # of the expected count


def deviations(
    assignment: Assignment, clips: Sequence[Clip], frames: Sequence[int], validation: str
) -> list[Deviation]:
    """Return the counts of a dataset's clips that are not what the recipe expects; `frames` counts those of each clip.

    Clips held out of training by subject count as training.
    """
    deviating = []
    for take in assignment.domain.takes:
        layout = Counter(clip.layout for clip in clips).most_common(1)
        wanted = take.wanted(layout[0][0] if layout else "")
        if not wanted or (take.part == "val" and validation == "none"):
            continue
        counted = _counted(assignment, take, clips, [1] * len(clips) if take.unit == "clip" else frames)
        for label in LABELS:
            cell = {"expected": wanted[label], "found": counted[label]}
            if cell["expected"] != cell["found"]:
                named = {"role": take.role, "dataset": assignment.domain.dataset, "label": label}
                deviating.append(Deviation.model_validate(named | cell))
    return deviating


def _counted(assignment: Assignment, take: Take, clips: Sequence[Clip], sizes: Sequence[int]) -> Counter[str]:
    held = assignment.held_out
    used: tuple[str, ...] = (take.part,)
    if take.part == "train" and held is not None and held.rule == "subjects":
        used = ("train", "val")
    # The official dev split counts even where it cannot serve as validation.
    official = take.part == "val"
    counted: Counter[str] = Counter()
    for clip, part, size in zip(clips, assignment.parts, sizes, strict=True):
        if (split_of(take, clip) in take.splits and all_hold(take.where, clip)) if official else part in used:
            counted[clip.label] += size
    return counted


def require_expected(plan: Plan, deviating: Iterable[Deviation]) -> None:
    """Stop where a count is more than 2 % off.

    Raises:
        UserError: names every such count.
    """
    beyond = [count for count in deviating if abs(count.found - count.expected) > TOLERANCE * count.expected]
    if beyond:
        texts = [
            f"{count.dataset} ({count.role}) {count.label} {count.found} instead of {count.expected}"
            for count in beyond
        ]
        raise UserError(
            f"{plan.name.canonical} with recipe {plan.recipe.name}: clip counts are more than 2 % off",
            expected="the full datasets",
            found=", ".join(texts),
            do="complete the raw data and extract again, or build without --strict",
        )


# -- Leakage and contradictions ---------------------------------------------------------------------------------------


def check_leakage(placed: Sequence[PlacedClip], reason: str) -> Leakage | None:
    """Stop where a clip, a person or the content of a clip is in two parts.

    With a `reason` it is let through, and the crossings are returned for the manifest.
    """
    parts = [member.part for member in placed]
    clips = [member.clip for member in placed]
    names = [f"{clip.dataset}/{clip.clip_id}" for clip in clips]
    people = [f"{clip.dataset}/{clip.subject}" if clip.subject else "" for clip in clips]
    # Without a usable frame there is no content to compare.
    contents = same_content(_shared_contents(placed))
    crossings = [
        find_crossing("clip", names, parts),
        find_crossing("person", people, parts),
        find_crossing("content", contents, parts, names),
    ]
    if reason.strip():
        present = [crossing for crossing in crossings if crossing]
        return Leakage(reason=reason.strip(), found=present) if present else None
    for crossing in crossings:
        require_no_crossing(crossing)
    return None


def _shared_contents(placed: Sequence[PlacedClip]) -> list[frozenset[str]]:
    """Return the contents of the clips that share some with another; no others can be in two parts.

    Hardly any do: a million frames are compared as numbers first, of which equal ones only may be equal contents.
    """
    usable = [place for place, member in enumerate(placed) if member.frames]
    digests = [placed[place].collected.digests for place in usable]
    owners = np.repeat(usable, list(map(len, digests)))
    starts = np.concatenate([np.empty((0, 8), np.uint8), *(of[:, :8] for of in digests)]).copy().view(np.uint64)[:, 0]
    order = np.argsort(starts, kind="stable")
    again = np.flatnonzero(starts[order][1:] == starts[order][:-1])
    sharing = {*owners[order[again]].tolist(), *owners[order[again + 1]].tolist()}
    hashes = Counter(placed[place].collected.pixel_hash for place in usable)
    sharing |= {place for place in usable if hashes[placed[place].collected.pixel_hash] > 1}
    return [member.collected.contents if place in sharing else frozenset() for place, member in enumerate(placed)]


def label_warnings(placed: Sequence[PlacedClip]) -> list[str]:
    """Return one line for each kind of contradiction and for losses that differ between labels."""
    lines = [finding.line() for finding in contradictions([member.clip for member in placed])]
    cells: defaultdict[tuple[str, str], dict[str, tuple[int, int]]] = defaultdict(lambda: dict.fromkeys(LABELS, (0, 0)))
    for member in placed:
        by_label = cells[member.part, member.clip.dataset]
        lost, every = by_label[member.clip.label]
        by_label[member.clip.label] = lost + (not member.frames), every + 1
    return lines + [finding.line() for finding in uneven_losses(cells)]
