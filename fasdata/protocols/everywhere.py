"""Protocols that every dataset has: its official split, splits and folds by people, one species left out.

`official` goes by the split of the release or of the table. `split` and `cv<k>.<i>` deal people out by a seeded hash:
no person is on two sides, and both labels are on each. `LOO_<species>` tests on a species that training never saw, on
people it never saw either: those of the official test split where there is one that will do, else a share of them.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from fasdata.errors import UserError
from fasdata.records import ATTACK, BONAFIDE, LABELS, SPLITS, Clip
from fasdata.species import UNKNOWN, species_of, species_slug

OFFICIAL, SPLIT, LOO = "official", "split", "LOO_"
TEST_SHARE = 0.3  # of the people, in `split` and where a species is left out
MOST_FOLDS = 20
_FOLDS = re.compile(r"cv(\d{1,2})\.(\d{1,2})", re.IGNORECASE)
_SPECIES = re.compile(r"loo_([a-z0-9]+(?:-[a-z0-9]+)*|[^\s@]*[^\x00-\x7f\s][^\s@]*)", re.IGNORECASE)


def generic_spellings() -> tuple[str, ...]:
    """Return how these protocols are written after a dataset's name."""
    return OFFICIAL, SPLIT, "cv5.1", f"{LOO}print"


def generic_protocol(text: str) -> tuple[str, str] | None:
    """Return the protocol and the fold that the text after a dataset's name means; None where it means none of these.

    A species may be written as its slug or, in another script than Latin, as its attacks are named.

    >>> generic_protocol("CV5.2"), generic_protocol("LOO_print-1"), generic_protocol("cv5.6")
    (('cv5', '2'), ('LOO_print-1', ''), None)
    >>> generic_protocol("LOO_面具")
    ('LOO_s-cce4a7', '')
    """
    word = text.lower()
    if word in (OFFICIAL, SPLIT):
        return word, ""
    if match := _SPECIES.fullmatch(word):
        return LOO + (match[1] if match[1].isascii() else species_slug(match[1])), ""
    if match := _FOLDS.fullmatch(word):
        folds, fold = int(match[1]), int(match[2])
        if 2 <= folds <= MOST_FOLDS and 1 <= fold <= folds:
            return f"cv{folds}", str(fold)
    return None


def generic_title(protocol: str) -> str:
    """Return in words what a protocol does."""
    if protocol.startswith(LOO):
        return f"the species {protocol.removeprefix(LOO)} only in the test"
    if protocol.startswith("cv"):
        return f"{protocol.removeprefix('cv')} folds by people, one of them tested"
    return "the official split" if protocol == OFFICIAL else "split by people"


@dataclass(frozen=True)
class Sides:
    """The ids of the clips that each side may use, and in words how they were chosen; `dev` may be empty."""

    train: frozenset[str]
    dev: frozenset[str]
    test: frozenset[str]
    note: str


def sides_of(name: str, protocol: str, fold: str, clips: Sequence[Clip], dataset: str, seed: int) -> Sides:
    """Return the sides of a protocol that goes by people or species: `split`, `cv<k>` or `LOO_<species>`.

    `name` is the whole name of the protocol, for messages.

    Raises:
        UserError: the people do not allow it (says how many of which kind there are), or the species is unknown.
    """
    labelled = [clip for clip in clips if clip.label in LABELS]
    if protocol == SPLIT:
        tested = hold_out(labelled, dataset, TEST_SHARE, seed, _by_label)
        if not tested:
            raise _too_few(name, labelled, _by_label, "two people of each label")
        return _apart(labelled, tested, f"{TEST_SHARE:.0%} of the people are tested, seed {seed}")
    if protocol.startswith("cv"):
        folds = int(protocol.removeprefix("cv"))
        dealt = deal(labelled, dataset, folds, seed)
        tested = frozenset(person for person, place in dealt.items() if place == int(fold) - 1)
        in_fold = {(dealt[subject_key(clip)], clip.label) for clip in labelled}
        if len(in_fold) < folds * len(LABELS):  # in one of the folds, if not in this one
            raise _too_few(name, labelled, _by_label, f"{folds} people of each label")
        return _apart(labelled, tested, f"fold {fold} of {folds} by people is tested, seed {seed}")
    return _left_out(name, protocol.removeprefix(LOO), labelled, dataset, seed)


# -- One species left out ---------------------------------------------------------------------------------------------


def _spelled(species: str) -> str:
    """Return a species as a name of a protocol may write it: one whose slug says nothing is written as it is."""
    slug = species_slug(species)
    return (
        f"{slug} (or {LOO}{species})"
        if re.fullmatch(r"s-[0-9a-f]{6}", slug) and not re.search(r"[\s@]", species)
        else slug
    )


def _left_out(name: str, slug: str, clips: Sequence[Clip], dataset: str, seed: int) -> Sides:
    """Return sides that share no person and no attack of the species with this slug."""
    attacks = [clip for clip in clips if clip.label == ATTACK]
    named = sorted({species for clip in attacks for species in _species(clip) if species_slug(species) == slug})
    if not named:
        there = {species for clip in attacks for species in _species(clip)}
        known = sorted({_spelled(species) for species in there})
        raise UserError(
            f"{name}: no attack of {dataset} is of the species {slug!r}",
            expected=f"one of {', '.join(LOO + word for word in known)}" if known else "attacks with a type or a pai",
        )

    def kind(clip: Clip) -> str:
        if clip.label == BONAFIDE:
            return BONAFIDE
        return "left out" if any(species_slug(species) == slug for species in _species(clip)) else "other attacks"

    spelled = " and ".join(named)
    if not any(kind(clip) == "other attacks" for clip in clips):
        raise UserError(f"{name}: every attack of {dataset} is {spelled}: none of another species is left to train on")
    trains, tests = (BONAFIDE, "other attacks"), (BONAFIDE, "left out")
    official = {
        split: [clip for clip in clips if clip.split == split and kind(clip) in kinds]
        for split, kinds in (("train", trains), ("dev", trains), ("test", tests))
    }
    kinds = {split: {kind(clip) for clip in of} for split, of in official.items()}
    apart = not _people(official["train"] + official["dev"]) & _people(official["test"])
    if kinds["train"] == set(trains) and kinds["test"] == set(tests) and apart:
        train, dev, test = (frozenset(clip.clip_id for clip in official[split]) for split in SPLITS)
        trained = official["train"] + official["dev"]
        return Sides(train, dev, test, f"{spelled} only in the test; official split{_unnamed(trained)}")
    tested = hold_out(clips, dataset, TEST_SHARE, seed, kind, tests, trains)
    if not tested:
        raise _too_few(
            name, clips, kind, f"people with bona fide clips and {spelled} to test, others with other attacks to train"
        )
    train = frozenset(clip.clip_id for clip in clips if subject_key(clip) not in tested and kind(clip) in trains)
    test = frozenset(clip.clip_id for clip in clips if subject_key(clip) in tested and kind(clip) in tests)
    unnamed = _unnamed([clip for clip in clips if clip.clip_id in train])
    note = f"{spelled} only in the test; {TEST_SHARE:.0%} of the people are tested, seed {seed}"
    return Sides(train, frozenset(), test, note + unnamed + _unknown(clips))


def _people(clips: Iterable[Clip]) -> set[str]:
    return {clip.subject for clip in clips if clip.subject}


def _unnamed(trained: Iterable[Clip]) -> str:
    """Say that attacks of unknown species train, or nothing where all are known."""
    without = sum(clip.label == ATTACK and _species(clip) == {UNKNOWN} for clip in trained)
    return f"; {without} attacks of unknown species train, and some may be of this one" if without else ""


def _species(clip: Clip) -> set[str]:
    """Return the words for the species of an attack: its type and its instrument."""
    return {species_of(clip.attack_type, clip.pai), species_of(clip.attack_type, clip.pai, "pai")}


# -- People -----------------------------------------------------------------------------------------------------------


def hold_out(
    clips: Sequence[Clip],
    dataset: str,
    share: float,
    seed: int,
    kind: Callable[[Clip], str],
    held_needs: Sequence[str] = LABELS,
    rest_needs: Sequence[str] = LABELS,
) -> frozenset[str]:
    """Choose about `share` of the people of a dataset to hold out, by a hash of seed, dataset and person.

    People are drawn within groups whose clips are of the same kinds, so that the mix of kinds stays; then the held side
    gets a person for each kind that it needs and lacks. Empty where no choice of this order leaves both sides what they
    need.

    >>> clips = [Clip("d", f"{who}-{label}", {}, "train", label, subject=who) for who in "abcde" for label in LABELS]
    >>> hold_out(clips, "d", share=0.2, seed=0, kind=lambda clip: clip.label)
    frozenset({'a'})
    >>> hold_out(clips[:2], "d", share=0.2, seed=0, kind=lambda clip: clip.label)  # one person cannot be on both sides
    frozenset()
    """
    kinds = kinds_of_people(clips, kind)
    order = in_order(kinds, dataset, seed)
    held: set[str] = set()
    for group in sorted({tuple(sorted(of)) for of in kinds.values()}):
        members = [person for person in order if tuple(sorted(kinds[person])) == group]
        held.update(members[: int(len(members) * share + 0.5)])
    for needed in held_needs:
        if not _has(needed, held, kinds):
            held.update([person for person in order if needed in kinds[person]][:1])
    rest = kinds.keys() - held
    enough = all(_has(needed, held, kinds) for needed in held_needs)
    enough = enough and all(_has(needed, rest, kinds) for needed in rest_needs)
    return frozenset(held) if enough else frozenset()


def deal(clips: Sequence[Clip], dataset: str, folds: int, seed: int) -> dict[str, int]:
    """Return the fold (from 0) of each person: dealt out in turn, within groups that have the same labels.

    >>> clips = [Clip("d", f"{who}-{label}", {}, "", label, subject=who) for who in "abcdef" for label in LABELS]
    >>> sorted(deal(clips, "d", 3, seed=0).values())
    [0, 0, 1, 1, 2, 2]
    """
    labels = kinds_of_people(clips, _by_label)
    order = in_order(labels, dataset, seed)
    groups = sorted({tuple(sorted(of)) for of in labels.values()})
    dealt: dict[str, int] = {}
    for group in groups:
        for place, person in enumerate(person for person in order if tuple(sorted(labels[person])) == group):
            dealt[person] = place % folds
    return dealt


def kinds_of_people(clips: Iterable[Clip], kind: Callable[[Clip], str]) -> dict[str, set[str]]:
    """Return of which kinds the clips of each person are."""
    kinds: dict[str, set[str]] = {}
    for clip in clips:
        kinds.setdefault(subject_key(clip), set()).add(kind(clip))
    return kinds


def in_order(people: Iterable[str], dataset: str, seed: int) -> list[str]:
    """Return people in the order that a hash of seed, dataset and person gives: the same everywhere."""
    return sorted(people, key=lambda person: (_hash(seed, dataset, person), person))


def subject_key(clip: Clip) -> str:
    """Return the subject of a clip; a clip of an unknown subject stands for itself."""
    return clip.subject or f"clip {clip.clip_id}"


def _hash(seed: int, dataset: str, subject: str) -> str:
    return hashlib.sha256(f"{seed}/{dataset}/{subject}".encode()).hexdigest()


def _has(kind: str, people: Iterable[str], kinds: dict[str, set[str]]) -> bool:
    return any(kind in kinds[person] for person in people)


def _by_label(clip: Clip) -> str:
    return clip.label


def _apart(clips: Sequence[Clip], tested: frozenset[str], note: str) -> Sides:
    test = frozenset(clip.clip_id for clip in clips if subject_key(clip) in tested)
    train = frozenset(clip.clip_id for clip in clips) - test
    return Sides(train, frozenset(), test, note + _unknown(clips))


def _unknown(clips: Sequence[Clip]) -> str:
    """Say that unknown people may be on both sides, or nothing where all are known."""
    without = sum(not clip.subject for clip in clips)
    if not without:
        return ""
    return f"; {without} clips name no person and stand for themselves: the same person may be on both sides"


def _too_few(name: str, clips: Sequence[Clip], kind: Callable[[Clip], str], needed: str) -> UserError:
    kinds = kinds_of_people(clips, kind)
    counts = Counter(" + ".join(sorted(of)) for of in kinds.values())
    return UserError(
        f"{name}: the people cannot be divided so that each side has what it needs",
        expected=needed,
        found=", ".join(f"{number} with {what}" for what, number in sorted(counts.items())) or "no labelled clip",
        do="add recordings of other people, or state the people in the table's column subject",
    )
