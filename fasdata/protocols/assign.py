"""Which part each clip of a dataset goes to: from clips alone, before any frame is looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fasdata.datasets.registry import load_cards
from fasdata.errors import UserError
from fasdata.manifest.meta import HeldOut
from fasdata.protocols.condition import all_hold
from fasdata.protocols.held_out import choose_subjects, subject_key
from fasdata.protocols.plan import TARGET_ID, Domain, Plan, Take
from fasdata.protocols.shots import ShotChoice, choose_shots
from fasdata.records import LABELS, SPLITS, Clip

UNUSED = ""
MODES = ("auto", "none")
Chosen = Mapping[tuple[int, str, str], frozenset[str]]  # (domain id, part, dataset) to the clip ids a list allows


@dataclass(frozen=True)
class Assignment:
    """The part of every clip of one dataset in one role, in the clips' order (`UNUSED`: not wanted)."""

    domain: Domain
    parts: tuple[str, ...]
    held_out: HeldOut | None = None


def assign(
    plan: Plan, dataset: str, clips: Sequence[Clip], validation: str, seed: int, listed: Chosen | None = None
) -> list[Assignment]:
    """Return where the clips of one dataset go, one assignment for each role it plays.

    `listed` are the clips that list files allow, for the roles that have some.

    Raises:
        UserError: clips without a label, or without a split where the recipe needs it; no clip to train or test on.
    """
    roles = plan.of_dataset(dataset)
    allowed = listed or {}
    shots = _shots(plan, roles, clips, seed, allowed)
    made = [_one(plan, domain, clips, validation, seed, allowed, shots) for domain in roles]
    for one in made:
        _require_some(plan, one, clips)
    return made


def _one(
    plan: Plan,
    domain: Domain,
    clips: Sequence[Clip],
    validation: str,
    seed: int,
    listed: Chosen,
    shots: ShotChoice | None,
) -> Assignment:
    if domain.shots and shots:
        return Assignment(domain, tuple("train" if clip.clip_id in shots.train else UNUSED for clip in clips))
    if domain.domain_id == TARGET_ID:
        tested = _taken(domain, "test", clips, listed)
        if shots:
            away = shots.train | shots.withheld
            tested = [taken and clip.clip_id not in away for clip, taken in zip(clips, tested, strict=True)]
        return Assignment(domain, tuple("test" if taken else UNUSED for taken in tested))
    return _source(plan, domain, clips, validation, seed, listed)


def _source(
    plan: Plan, domain: Domain, clips: Sequence[Clip], validation: str, seed: int, listed: Chosen
) -> Assignment:
    train = _taken(domain, "train", clips, listed)
    if validation == "none":
        return Assignment(domain, _parts(train), HeldOut(dataset=domain.dataset, rule="none", why="--val none"))
    held = _taken(domain, "val", clips, listed)
    official = [wanted and not used for wanted, used in zip(held, train, strict=True)]
    if {clip.label for place, clip in enumerate(clips) if official[place]} == set(LABELS):
        people = {clip.subject for place, clip in enumerate(clips) if official[place]} - {""}
        said = HeldOut(dataset=domain.dataset, rule="official dev", subjects=sorted(people), of=len(people))
        return Assignment(domain, _parts(train, official), said)
    trained = [clip for place, clip in enumerate(clips) if train[place]]
    chosen = choose_subjects(domain.dataset, trained, plan.rules.validation.share, seed)
    people = {subject_key(clip) for clip in trained}
    if not chosen:
        why = f"{len(people)} subjects are too few to hold some out with both labels on both sides"
        return Assignment(domain, _parts(train), HeldOut(dataset=domain.dataset, rule="none", of=len(people), why=why))
    picked = [train[place] and subject_key(clip) in chosen for place, clip in enumerate(clips)]
    said = HeldOut(dataset=domain.dataset, rule="subjects", subjects=sorted(chosen), of=len(people))
    return Assignment(domain, _parts(train, picked), said)


def _taken(domain: Domain, part: str, clips: Sequence[Clip], listed: Chosen) -> list[bool]:
    """Return which clips a part of a role may use."""
    take = domain.take(part)
    if take is None or not take.splits:
        return [False] * len(clips)
    allowed = listed.get((domain.domain_id, part, domain.dataset))
    taken = [(allowed is None or clip.clip_id in allowed) and _fits(take, clip) for clip in clips]
    _require_known(domain, take, [clip for clip, used in zip(clips, taken, strict=True) if used], clips)
    return taken


def split_of(take: Take, clip: Clip) -> str:
    """Return the official split that a take goes by."""
    return clip.fields.get(take.split_field, "") if take.split_field else clip.split


def _fits(take: Take, clip: Clip) -> bool:
    return (take.every_split or split_of(take, clip) in take.splits) and all_hold(take.where, clip)


def _shots(plan: Plan, roles: Sequence[Domain], clips: Sequence[Clip], seed: int, listed: Chosen) -> ShotChoice | None:
    few = next((domain for domain in roles if domain.shots), None)
    if few is None:
        return None
    named = listed.get((few.domain_id, "train", few.dataset))
    if named is not None:  # as the authors listed them, their people's other clips stay in the test
        return ShotChoice(frozenset(named), frozenset())
    target = next(domain for domain in roles if domain.domain_id == TARGET_ID)
    tested = _taken(target, "test", clips, listed)
    pool = [clip for clip, taken in zip(clips, tested, strict=True) if taken]
    return choose_shots(few.dataset, pool, plan.shots, seed)


def _parts(train: Sequence[bool], val: Sequence[bool] | None = None) -> tuple[str, ...]:
    held = val or [False] * len(train)
    return tuple("val" if held_out else "train" if used else UNUSED for used, held_out in zip(train, held, strict=True))


def _require_known(domain: Domain, take: Take, taken: Sequence[Clip], clips: Sequence[Clip]) -> None:
    card = load_cards().get(domain.dataset)
    told = f" ({card.lists})" if card and card.lists else ""
    do = f"give those files in the root of {domain.dataset} or with --lists, and extract it again"
    unlabelled = [clip for clip in taken if clip.label not in LABELS]
    if unlabelled:
        raise UserError(
            f"{len(unlabelled)} clips of {domain.name} have no label, e.g. {unlabelled[0].clip_id}",
            expected=f"bonafide or attack, from the release's list files{told}",
            do=do,
        )
    unsplit = [clip for clip in clips if split_of(take, clip) not in SPLITS and all_hold(take.where, clip)]
    if unsplit and not take.every_split and take.lists is None:
        raise UserError(
            f"{len(unsplit)} clips of {domain.name} belong to no split, e.g. {unsplit[0].clip_id}",
            expected=f"train, dev or test, from the release's list files{told}",
            do=do,
        )


def _require_some(plan: Plan, made: Assignment, clips: Sequence[Clip]) -> None:
    domain = made.domain
    part = "test" if domain.domain_id == TARGET_ID else "train"
    if part in made.parts:
        return
    take = domain.take(part)
    found = Counter(split_of(take, clip) if take else "" for clip in clips)
    raise UserError(
        f"the recipe {plan.recipe.name} uses no clip of {domain.name}",
        expected=f"clips of the splits {', '.join(take.splits if take else ())}"
        + "".join(f", {condition}" for condition in (take.where if take else ())),
        found=", ".join(f"{count} of {split or 'no split'}" for split, count in sorted(found.items()))
        or "an empty store",
        do=f"check {', '.join(take.lists.files)}, which decide too"
        if take and take.lists
        else f"extract those splits of {domain.dataset}",
    )
