"""Few-shot: which clips of the target join the training."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from fasdata.protocols.held_out import subject_key
from fasdata.records import LABELS, Clip


@dataclass(frozen=True)
class ShotChoice:
    """Clip ids of the target that train, and of those that neither train nor test because of them."""

    train: frozenset[str]
    withheld: frozenset[str]


def choose_shots(dataset: str, clips: Iterable[Clip], k: int, seed: int) -> ShotChoice:
    """Return `k` clips a label, from as few people as possible, in an order decided by seed, dataset and name.

    Other clips of those people are withheld: nobody stands in training and in the test.
    """
    pool = sorted(clips, key=lambda clip: _hash(seed, dataset, clip.clip_id))
    people = sorted({subject_key(clip) for clip in pool}, key=lambda subject: _hash(seed, dataset, subject))
    rank = {subject: place for place, subject in enumerate(people)}
    pool.sort(key=lambda clip: rank[subject_key(clip)])
    chosen = [clip for label in LABELS for clip in [one for one in pool if one.label == label][:k]]
    train = frozenset(clip.clip_id for clip in chosen)
    used = {subject_key(clip) for clip in chosen}
    withheld = frozenset(clip.clip_id for clip in pool if subject_key(clip) in used and clip.clip_id not in train)
    return ShotChoice(train, withheld)


def _hash(seed: int, dataset: str, text: str) -> str:
    return hashlib.sha256(f"shots/{seed}/{dataset}/{text}".encode()).hexdigest()
