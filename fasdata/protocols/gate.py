"""The gate inside a build: leakage and wrong clip counts stop it, contradictions are reported."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from fasdata.audit.findings import contradictions, uneven_losses
from fasdata.errors import UserError
from fasdata.manifest.leakage import find_crossing, require_none
from fasdata.manifest.meta import Deviation, Leakage
from fasdata.protocols.assign import Assignment, split_of
from fasdata.protocols.plan import Plan, Take
from fasdata.protocols.recipe_parts import all_hold
from fasdata.protocols.tallies import Placed
from fasdata.records import LABELS, Clip

# -- Clip counts against those of the full datasets, before any clip is dropped ---------------------------------------


TOLERANCE = 0.02  # of the expected count


def deviations(
    assignment: Assignment, clips: Sequence[Clip], frames: Sequence[int], validation: str
) -> list[Deviation]:
    """Return where a dataset's clips are not as many as the recipe expects; `frames` counts those of each clip.

    Training counts what validation by subject took away from it, too.
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


def require_expected(plan: Plan, found: Iterable[Deviation]) -> None:
    """Stop where a count is more than 2 % off.

    Raises:
        UserError: names every such count.
    """
    beyond = [one for one in found if abs(one.found - one.expected) > TOLERANCE * one.expected]
    if beyond:
        said = [f"{one.dataset} ({one.role}) {one.label} {one.found} instead of {one.expected}" for one in beyond]
        raise UserError(
            f"{plan.name.canonical} with recipe {plan.recipe.name}: clip counts are more than 2 % off",
            expected="the full datasets",
            found=", ".join(said),
            do="complete the raw data and extract again, or build without --strict",
        )


# -- The gate inside a build: leakage stops it, contradictions are told -----------------------------------------------


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
