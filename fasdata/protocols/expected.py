"""Clip counts against those of the full datasets, before any clip is dropped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from fasdata.errors import UserError
from fasdata.manifest.meta import Deviation
from fasdata.protocols.assign import Assignment, split_of
from fasdata.protocols.condition import all_hold
from fasdata.protocols.plan import Plan, Take
from fasdata.records import LABELS, Clip

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
