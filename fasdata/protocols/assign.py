"""Which part each clip of a dataset goes to: from clips alone, before any frame is looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from fasdata.errors import UserError
from fasdata.manifest.meta import HeldOut
from fasdata.protocols.held_out import choose_subjects, subject_key
from fasdata.protocols.plan import TARGET_ID, Domain, Plan
from fasdata.records import LABELS, SPLITS, Clip

UNUSED = ""
MODES = ("auto", "none")


@dataclass(frozen=True)
class Assignment:
    """The part of every clip of one dataset, in the clips' order (`UNUSED`: not wanted), and its validation."""

    domain: Domain
    parts: tuple[str, ...]
    held_out: HeldOut | None = None


def assign(plan: Plan, domain: Domain, clips: Sequence[Clip], validation: str, seed: int) -> Assignment:
    """Return where the clips of one dataset go.

    Raises:
        UserError: clips without a label, or without a split where the recipe needs it; no clip to train or test on.
    """
    used = plan.rules.target.splits if domain.domain_id == TARGET_ID else plan.rules.sources.splits
    _require_known(domain, clips, set(used) != set(SPLITS))
    every = set(used) == set(SPLITS)
    if domain.domain_id == TARGET_ID:
        made = Assignment(domain, tuple("test" if every or clip.split in used else UNUSED for clip in clips))
    else:
        made = _assign_source(plan, domain, clips, validation, seed, every)
    if ("test" if domain.domain_id == TARGET_ID else "train") not in made.parts:
        found = Counter(clip.split for clip in clips)
        raise UserError(
            f"the recipe {plan.recipe.name} uses no clip of {domain.name}",
            expected=f"clips of the splits {', '.join(used)}",
            found=", ".join(f"{count} of {split}" for split, count in sorted(found.items())) or "an empty store",
            do=f"extract those splits of {domain.dataset}",
        )
    return made


def _assign_source(
    plan: Plan, domain: Domain, clips: Sequence[Clip], validation: str, seed: int, every: bool
) -> Assignment:
    rules = plan.rules
    train = [every or clip.split in rules.sources.splits for clip in clips]
    if validation == "none":
        return Assignment(domain, _parts(train), HeldOut(dataset=domain.dataset, rule="none", why="--val none"))
    official = [not train[place] and clip.split in rules.validation.splits for place, clip in enumerate(clips)]
    if {clip.label for place, clip in enumerate(clips) if official[place]} == set(LABELS):
        people = {clip.subject for place, clip in enumerate(clips) if official[place]} - {""}
        held = HeldOut(dataset=domain.dataset, rule="official dev", subjects=sorted(people), of=len(people))
        return Assignment(domain, _parts(train, official), held)
    trained = [clip for place, clip in enumerate(clips) if train[place]]
    chosen = choose_subjects(domain.dataset, trained, rules.validation.share, seed)
    people = {subject_key(clip) for clip in trained}
    if not chosen:
        why = f"{len(people)} subjects are too few to hold some out with both labels on both sides"
        return Assignment(domain, _parts(train), HeldOut(dataset=domain.dataset, rule="none", of=len(people), why=why))
    picked = [train[place] and subject_key(clip) in chosen for place, clip in enumerate(clips)]
    held = HeldOut(dataset=domain.dataset, rule="subjects", subjects=sorted(chosen), of=len(people))
    return Assignment(domain, _parts(train, picked), held)


def _parts(train: Sequence[bool], val: Sequence[bool] | None = None) -> tuple[str, ...]:
    held = val or [False] * len(train)
    return tuple("val" if held_out else "train" if used else UNUSED for used, held_out in zip(train, held, strict=True))


def _require_known(domain: Domain, clips: Sequence[Clip], split_matters: bool) -> None:
    unlabelled = [clip for clip in clips if clip.label not in LABELS]
    if unlabelled:
        raise UserError(
            f"{len(unlabelled)} clips of {domain.name} have no label, e.g. {unlabelled[0].clip_id}",
            expected="bonafide or attack, from the release's list files",
            do=f"extract {domain.dataset} again with those files in its root or with --lists",
        )
    unsplit = [clip for clip in clips if clip.split not in SPLITS]
    if unsplit and split_matters:
        raise UserError(
            f"{len(unsplit)} clips of {domain.name} belong to no split, e.g. {unsplit[0].clip_id}",
            expected="train, dev or test, from the release's list files",
            do=f"extract {domain.dataset} again with those files in its root or with --lists",
        )
