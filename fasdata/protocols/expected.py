"""Clip counts against those of the full datasets, before any clip is dropped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from fasdata.errors import UserError
from fasdata.manifest.meta import Deviation
from fasdata.protocols.plan import TARGET_ID, Domain, Plan
from fasdata.protocols.recipe import Part
from fasdata.records import LABELS, SPLITS, Clip

TOLERANCE = 0.02  # of the expected count


def deviations(plan: Plan, domain: Domain, clips: Iterable[Clip], validation: str) -> list[Deviation]:
    """Return where a dataset's clips are not as many as the recipe expects."""
    rules = plan.rules
    roles: list[tuple[str, Part]] = [("sources", rules.sources), ("validation", rules.validation)]
    if domain.domain_id == TARGET_ID:
        roles = [("target", rules.target)]
    elif validation == "none":
        roles.pop()
    counted = Counter((clip.split, clip.label) for clip in clips)
    deviating = []
    for role, part in roles:
        wanted = part.expected.get(domain.letter)
        # A recipe that pools all splits also takes clips whose split is unknown.
        splits = [*part.splits, ""] if set(part.splits) == set(SPLITS) else part.splits
        for label in LABELS if wanted else ():
            cell = {"expected": getattr(wanted, label), "found": sum(counted[split, label] for split in splits)}
            if cell["expected"] != cell["found"]:
                named = {"role": role, "dataset": domain.dataset, "label": label}
                deviating.append(Deviation.model_validate(named | cell))
    return deviating


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
