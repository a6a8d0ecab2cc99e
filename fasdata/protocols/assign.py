"""Which part each clip of a dataset goes to, from clips alone: splits, held-out subjects, few-shot choices."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from fasdata.datasets.registry import load_cards
from fasdata.errors import UserError
from fasdata.manifest.meta import HeldOut
from fasdata.protocols.plan import TARGET_ID, Domain, Plan, Take
from fasdata.protocols.recipe_parts import all_hold
from fasdata.records import LABELS, SPLITS, Clip

# -- Which subjects of a source become validation ---------------------------------------------------------------------


def subject_key(clip: Clip) -> str:
    """Return who is in the clip; a clip without a known person stands for itself."""
    return clip.subject or f"clip {clip.clip_id}"


def choose_subjects(dataset: str, clips: Sequence[Clip], share: float, seed: int) -> frozenset[str]:
    """Return the subjects of a dataset that are held out: about `share`, by a hash of seed, dataset and subject.

    People are drawn within groups of those who appear in the same labels, so that the mix stays; then both labels are
    made sure of on both sides. Empty where the dataset has too few people for that.
    """
    labels: dict[str, set[str]] = {}
    for clip in clips:
        labels.setdefault(subject_key(clip), set()).add(clip.label)
    order = sorted(labels, key=lambda subject: (_subject_hash(seed, dataset, subject), subject))
    chosen: set[str] = set()
    for group in sorted({tuple(sorted(found)) for found in labels.values()}):
        members = [subject for subject in order if tuple(sorted(labels[subject])) == group]
        chosen.update(members[: int(len(members) * share + 0.5)])
    for label in LABELS:
        if not _has(label, chosen, labels):
            chosen.update([subject for subject in order if label in labels[subject]][:1])
    rest = set(labels) - chosen
    both_sides = all(_has(label, side, labels) for side in (chosen, rest) for label in LABELS)
    return frozenset(chosen) if both_sides else frozenset()


def _subject_hash(seed: int, dataset: str, subject: str) -> str:
    return hashlib.sha256(f"{seed}/{dataset}/{subject}".encode()).hexdigest()


def _has(label: str, subjects: Iterable[str], labels: dict[str, set[str]]) -> bool:
    return any(label in labels[subject] for subject in subjects)


# -- Few-shot: which clips of the target join the training ------------------------------------------------------------


@dataclass(frozen=True)
class ShotChoice:
    """Clip ids of the target that train, and of those that neither train nor test because of them."""

    train: frozenset[str]
    withheld: frozenset[str]


def choose_shots(dataset: str, clips: Iterable[Clip], k: int, seed: int) -> ShotChoice:
    """Return `k` clips a label, from as few people as possible, in an order decided by seed, dataset and name.

    Other clips of those people are withheld: nobody stands in training and in the test.
    """
    pool = sorted(clips, key=lambda clip: _shot_hash(seed, dataset, clip.clip_id))
    people = sorted({subject_key(clip) for clip in pool}, key=lambda subject: _shot_hash(seed, dataset, subject))
    rank = {subject: place for place, subject in enumerate(people)}
    pool.sort(key=lambda clip: rank[subject_key(clip)])
    chosen = [clip for label in LABELS for clip in [one for one in pool if one.label == label][:k]]
    train = frozenset(clip.clip_id for clip in chosen)
    used = {subject_key(clip) for clip in chosen}
    withheld = frozenset(clip.clip_id for clip in pool if subject_key(clip) in used and clip.clip_id not in train)
    return ShotChoice(train, withheld)


def _shot_hash(seed: int, dataset: str, text: str) -> str:
    return hashlib.sha256(f"shots/{seed}/{dataset}/{text}".encode()).hexdigest()


# -- Which part each clip of a dataset goes to: from clips alone, before any frame is looked at -----------------------


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
