"""Assign the clips of a dataset to parts, from clips alone: by official split, held-out subject or few-shot choice."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from fasdata.datasets.registry import load_cards
from fasdata.errors import UserError
from fasdata.manifests.meta import HeldOut
from fasdata.protocols.dataset_names import prefix_of
from fasdata.protocols.everywhere import SPLIT, hold_out, subject_key
from fasdata.protocols.plan import TARGET_ID, Domain, Plan, Take
from fasdata.protocols.recipe_parts import all_hold
from fasdata.records import LABELS, SPLITS, Clip

UNUSED = ""
MODES = ("auto", "none")
AllowedClips = Mapping[tuple[int, str, str], frozenset[str]]  # (domain id, part, dataset): clip ids of the list files


@dataclass(frozen=True)
class Assignment:
    """The part of every clip of one dataset in one role, in the clips' order (`UNUSED`: in no part)."""

    domain: Domain
    parts: tuple[str, ...]
    held_out: HeldOut | None = None


def assign(
    plan: Plan, dataset: str, clips: Sequence[Clip], validation: str, seed: int, allowed: AllowedClips | None = None
) -> list[Assignment]:
    """Assign the clips of one dataset to parts, once for each role that the dataset plays.

    `allowed` are the clips that list files allow, for the roles that have list files.

    Raises:
        UserError: clips without a label, or without a split where the recipe needs it; no clip to train or test on.
    """
    roles = plan.of_dataset(dataset)
    by_lists = allowed or {}
    shots = _shots(plan, roles, clips, seed, by_lists)
    assignments = [_assign_role(plan, domain, clips, validation, seed, by_lists, shots) for domain in roles]
    for assignment in assignments:
        _require_clips(plan, assignment, clips)
    return assignments


def _assign_role(
    plan: Plan,
    domain: Domain,
    clips: Sequence[Clip],
    validation: str,
    seed: int,
    allowed: AllowedClips,
    shots: ShotChoice | None,
) -> Assignment:
    if domain.shots and shots:
        return Assignment(domain, tuple("train" if clip.clip_id in shots.train else UNUSED for clip in clips))
    if domain.domain_id == TARGET_ID:
        tested = _taken(domain, "test", clips, allowed)
        if shots:
            away = shots.train | shots.withheld
            tested = [taken and clip.clip_id not in away for clip, taken in zip(clips, tested, strict=True)]
        return Assignment(domain, tuple("test" if taken else UNUSED for taken in tested))
    return _assign_source(plan, domain, clips, validation, seed, allowed)


def _assign_source(
    plan: Plan, domain: Domain, clips: Sequence[Clip], validation: str, seed: int, allowed: AllowedClips
) -> Assignment:
    train = _taken(domain, "train", clips, allowed)
    if validation == "none":
        return Assignment(domain, _parts(train), HeldOut(dataset=domain.dataset, rule="none", why="--val none"))
    dev = _taken(domain, "val", clips, allowed)
    if plan.name.file and plan.name.file.validation:  # which of the labels it holds out of which source is its affair
        people = {clip.subject for clip, held in zip(clips, dev, strict=True) if held} - {""}
        train = [used and not held for used, held in zip(train, dev, strict=True)]
        held_out = HeldOut(dataset=domain.dataset, rule="file", subjects=sorted(people), of=len(people))
        return Assignment(domain, _parts(train, dev), held_out)
    official = [wanted and not used for wanted, used in zip(dev, train, strict=True)]
    if {clip.label for place, clip in enumerate(clips) if official[place]} == set(LABELS):
        people = {clip.subject for place, clip in enumerate(clips) if official[place]} - {""}
        held_out = HeldOut(dataset=domain.dataset, rule="official dev", subjects=sorted(people), of=len(people))
        return Assignment(domain, _parts(train, official), held_out)
    trained = [clip for place, clip in enumerate(clips) if train[place]]
    subjects = choose_subjects(domain.dataset, trained, plan.rules.validation.share, seed)
    people = {subject_key(clip) for clip in trained}
    if not subjects:
        why = f"{len(people)} subjects are too few to hold some out with both labels on both sides"
        return Assignment(domain, _parts(train), HeldOut(dataset=domain.dataset, rule="none", of=len(people), why=why))
    held = [train[place] and subject_key(clip) in subjects for place, clip in enumerate(clips)]
    held_out = HeldOut(dataset=domain.dataset, rule="subjects", subjects=sorted(subjects), of=len(people))
    return Assignment(domain, _parts(train, held), held_out)


def _parts(train: Sequence[bool], val: Sequence[bool] | None = None) -> tuple[str, ...]:
    held = val or [False] * len(train)
    return tuple("val" if held_out else "train" if used else UNUSED for used, held_out in zip(train, held, strict=True))


def _taken(domain: Domain, part: str, clips: Sequence[Clip], allowed: AllowedClips) -> list[bool]:
    """Return which clips a part of a role may use."""
    take = domain.take(part)
    if take is None or not take.splits:
        return [False] * len(clips)
    ids = allowed.get((domain.domain_id, part, domain.dataset))
    taken = [(ids is None or clip.clip_id in ids) and _fits(take, clip) for clip in clips]
    _require_known(domain, take, [clip for clip, used in zip(clips, taken, strict=True) if used], clips)
    return taken


def _fits(take: Take, clip: Clip) -> bool:
    split = split_of(take, clip)
    fits = take.every_split or split in take.splits or (take.unsplit == "take" and split not in SPLITS)
    return fits and all_hold(take.where, clip)


def split_of(take: Take, clip: Clip) -> str:
    """Return the official split that a take goes by."""
    return clip.fields.get(take.split_field, "") if take.split_field else clip.split


# -- Subjects held out of a source for validation ---------------------------------------------------------------------


def choose_subjects(dataset: str, clips: Sequence[Clip], share: float, seed: int) -> frozenset[str]:
    """Choose the subjects of a dataset to hold out: about `share` of them, with both labels on both sides.

    Empty where the dataset has too few subjects for that. See `fasdata.protocols.everywhere.hold_out`.

    >>> clips = [Clip("d", f"{who}-{label}", {}, "train", label, subject=who) for who in "abcde" for label in LABELS]
    >>> choose_subjects("d", clips, share=0.2, seed=0)
    frozenset({'a'})
    """
    return hold_out(clips, dataset, share, seed, lambda clip: clip.label)


# -- Few-shot: clips of the target that join the training -------------------------------------------------------------


@dataclass(frozen=True)
class ShotChoice:
    """Clip ids of the target that train, and of those that neither train nor test because of them."""

    train: frozenset[str]
    withheld: frozenset[str]


def choose_shots(dataset: str, clips: Iterable[Clip], k: int, seed: int) -> ShotChoice:
    """Choose `k` clips a label, of as few subjects as possible, in an order decided by seed, dataset and name.

    Other clips of those subjects are withheld: no subject is in training and in the test.
    """
    pool = sorted(clips, key=lambda clip: _shot_hash(seed, dataset, clip.clip_id))
    people = sorted({subject_key(clip) for clip in pool}, key=lambda subject: _shot_hash(seed, dataset, subject))
    rank = {subject: place for place, subject in enumerate(people)}
    pool.sort(key=lambda clip: rank[subject_key(clip)])
    by_label = {label: [clip for clip in pool if clip.label == label] for label in LABELS}
    shots = [clip for label in LABELS for clip in by_label[label][:k]]
    train = frozenset(clip.clip_id for clip in shots)
    used = {subject_key(clip) for clip in shots}
    withheld = frozenset(clip.clip_id for clip in pool if subject_key(clip) in used and clip.clip_id not in train)
    return ShotChoice(train, withheld)


def _shot_hash(seed: int, dataset: str, text: str) -> str:
    return hashlib.sha256(f"shots/{seed}/{dataset}/{text}".encode()).hexdigest()


def _shots(
    plan: Plan, roles: Sequence[Domain], clips: Sequence[Clip], seed: int, allowed: AllowedClips
) -> ShotChoice | None:
    few = next((domain for domain in roles if domain.shots), None)
    if few is None:
        return None
    by_list = allowed.get((few.domain_id, "train", few.dataset))
    if by_list is not None:  # as the authors listed them, their subjects' other clips stay in the test
        return ShotChoice(by_list, frozenset())
    target = next(domain for domain in roles if domain.domain_id == TARGET_ID)
    tested = _taken(target, "test", clips, allowed)
    pool = [clip for clip, taken in zip(clips, tested, strict=True) if taken]
    return choose_shots(few.dataset, pool, plan.shots, seed)


# -- What a store lacks is refused by name ----------------------------------------------------------------------------


def _require_known(domain: Domain, take: Take, taken: Sequence[Clip], clips: Sequence[Clip]) -> None:
    """Stop at clips without a label, or without a split where the take goes by splits."""
    card = load_cards().get(domain.dataset)
    files = f" ({card.lists})" if card and card.lists else ""
    do = f"give those files in the root of {domain.dataset} or with --lists, and extract it again"
    unlabelled = [clip for clip in taken if clip.label not in LABELS]
    if unlabelled:
        raise UserError(
            f"{len(unlabelled)} clips of {domain.name} have no label, e.g. {unlabelled[0].clip_id}",
            expected=f"bonafide or attack, from the release's list files{files}",
            do=do,
        )
    if take.every_split or take.unsplit != "refuse" or take.lists is not None:
        return
    unsplit = [clip for clip in clips if split_of(take, clip) not in SPLITS and all_hold(take.where, clip)]
    if unsplit:
        raise UserError(
            f"{len(unsplit)} clips of {domain.name} belong to no split, e.g. {unsplit[0].clip_id}",
            expected=f"train, dev or test, from the release's list files{files}" if card else "train, dev or test",
            do=do if card else f"state it and extract again, or divide by people: {prefix_of(domain.dataset)}:{SPLIT}",
        )


def _require_clips(plan: Plan, assignment: Assignment, clips: Sequence[Clip]) -> None:
    """Stop where a source has no clip to train on, or a target none to test."""
    domain = assignment.domain
    part = "test" if domain.domain_id == TARGET_ID else "train"
    if part in assignment.parts:
        return
    take = domain.take(part)
    by_split = Counter(split_of(take, clip) if take else "" for clip in clips)
    raise UserError(
        f"the recipe {plan.recipe.name} uses no clip of {domain.name}",
        expected=f"clips of the splits {', '.join(take.splits if take else ())}"
        + "".join(f", {condition}" for condition in (take.where if take else ())),
        found=", ".join(f"{count} of {split or 'no split'}" for split, count in sorted(by_split.items()))
        or "an empty store",
        do=_what_to_do(domain, take),
    )


def _what_to_do(domain: Domain, take: Take | None) -> str:
    card = load_cards().get(domain.dataset)
    if take and take.lists:
        return f"check {', '.join(take.lists.files)}, which decide too"
    if take and take.split_field and card and card.lists:
        return f"give the release's list files ({card.lists}) in the root or with --lists, and extract it again"
    return f"extract those splits of {domain.dataset}"
