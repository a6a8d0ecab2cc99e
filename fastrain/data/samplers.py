"""Which item training takes next: endless shuffled streams, and how configuration and recipe choose among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np

from fasdata.errors import unknown_name
from fastrain.config import RunConfig

Sampler: TypeAlias = Literal["groups", "sources", "shuffled", "balanced"]
Group = tuple[int, int]  # domain, label
ALL_DOMAINS: Group = (0, 2)  # the one stream of all domains; 2 is no label


@dataclass
class GroupStream:
    """An endless stream over `members`: pass after pass, each in an order fixed by `key` and the number of the pass.

    A position counts the images taken since the start, so it is all there is to save. With `fill` false the last
    batch of a pass may be short (as the loaders of HFN_MP's reference keep it); with `fill` true the next pass
    completes it. A pass is as many images as make up wholes of `whole`, so that batches of that size leave out the rest
    (as the loaders of FLIP's reference do), and all images where there is not a single whole.
    """

    members: np.ndarray
    key: Sequence[int]
    fill: bool = False
    whole: int = 1
    _order: tuple[int, np.ndarray] = field(default=(-1, np.empty(0, np.int64)), repr=False)

    def batch(self, position: int, size: int) -> np.ndarray:
        """Return `size` members from `position` on, fewer only where a pass ends and `fill` is off."""
        taken = self._rest(position)[:size]
        while self.fill and len(taken) < size:
            more = self._rest(position + len(taken))[: size - len(taken)]
            taken = np.concatenate([taken, more])
        return taken

    def _rest(self, position: int) -> np.ndarray:
        count = len(self.members)
        number, offset = divmod(position, count - count % self.whole or count)
        if self._order[0] != number:
            self._order = (number, self._shuffled(number)[: count - count % self.whole or count])
        return self._order[1][offset:]

    def _shuffled(self, number: int) -> np.ndarray:
        """Return the members in the order of a pass."""
        return np.random.default_rng([*self.key, number]).permutation(self.members)


@dataclass
class MixedStream:
    """An endless stream over several streams, whose turns are shuffled too.

    In every pass of `turns` the stream `i` comes `weights[i]` times, in an order fixed by `key` and the pass. The
    streams themselves go on from where their last turn ended, so here too a position is all there is to save.
    """

    streams: Sequence[GroupStream]
    weights: Sequence[int]
    key: Sequence[int]
    _turns: GroupStream = field(init=False, repr=False)
    _counted: tuple[int, np.ndarray] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        numbers = np.arange(len(self.streams), dtype=np.int32)
        self._turns = GroupStream(np.repeat(numbers, self.weights), self.key, fill=True)
        self._counted = (0, np.zeros(len(self.streams), np.int64))

    def batch(self, position: int, size: int) -> np.ndarray:
        """Return `size` members from `position` on."""
        turns, before = self._turns.batch(position, size), self._count(position)
        taken = np.empty(size, np.int64)
        more = np.bincount(turns, minlength=len(self.streams))
        for number, stream in enumerate(self.streams):
            if more[number]:
                taken[turns == number] = stream.batch(int(before[number]), int(more[number]))
        self._counted = (position + size, before + more)
        return taken

    def _count(self, position: int) -> np.ndarray:
        """Return how often each stream had its turn before `position`; a run of batches needs no counting."""
        if self._counted[0] == position:
            return self._counted[1]
        passes, offset = divmod(position, len(self._turns.members))
        begun = self._turns.batch(passes * len(self._turns.members), offset) if offset else np.empty(0, np.int32)
        return passes * np.asarray(self.weights, np.int64) + np.bincount(begun, minlength=len(self.streams))


Stream: TypeAlias = GroupStream | MixedStream


def by_sources(groups: Mapping[Group, np.ndarray], times: Mapping[Group, int], key: Sequence[int]) -> MixedStream:
    """Return the stream that draws a domain in proportion to its length times `times`, and each label half the time.

    So MMDGFAS' reference reads several sources: an index into all of them decides the source alone, which then takes
    a bona fide face or an attack with the same probability.
    """
    lengths: Counter[int] = Counter()
    for group, members in groups.items():
        lengths[group[0]] += len(members) * times[group]
    streams = [GroupStream(members, (*key, *group), fill=True) for group, members in groups.items()]
    return MixedStream(streams, [lengths[domain] for domain, _ in groups], (*key, *ALL_DOMAINS))


def shuffled_together(groups: Mapping[Group, np.ndarray], times: Mapping[Group, int], *, balanced: bool) -> np.ndarray:
    """Return the members of all groups as one list, those of a group `times` over.

    `balanced`: each group is repeated to the length of the longest instead. A shuffled pass over that list holds every
    group alike in expectation, not in every batch: the balanced loader of GAC-FAS' reference.
    """
    longest = max(len(members) for members in groups.values())
    return np.concatenate(
        [np.resize(members, longest if balanced else len(members) * times[g]) for g, members in groups.items()]
    )


# -- What configuration and recipe make of it --------------------------------------------------------------------------


_MIXES: dict[str, Sampler] = {"alike": "groups", "by_length": "sources"}


@dataclass(frozen=True)
class SamplingPlan:
    """How a run draws its training items: sampler, whether items are clips, how often each source counts.

    `notes` tell what the recipe decided; `deviations` what the recipe states and this run does otherwise.
    """

    sampler: Sampler
    clips: bool
    repeats: tuple[int, ...]
    notes: tuple[str, ...] = ()
    deviations: tuple[str, ...] = ()

    @classmethod
    def of(cls, config: RunConfig, meta: Mapping[str, Any], *, apart: bool) -> SamplingPlan:
        """Apply the configuration and, where it says `recipe`, the recipe of the manifest (described by `meta`).

        `apart`: the method draws each domain by itself, so it needs `groups`.

        Raises:
            UserError: `data.source_weights` names what is no source of the manifest.
        """
        from fastrain.augmentation import AugmentConfig
        from fastrain.data.artefacts import notes_on

        rules = _sources(meta)
        one_frame, mixed = rules.get("draw", "all") == "one", _MIXES[rules.get("mix", "alike")]
        clips = one_frame if config.data.items == "recipe" else config.data.items == "clips"
        sampler: Sampler = config.data.sampler if config.data.sampler != "recipe" else "groups" if apart else mixed
        repeats = _repeats(config.data.source_weights, meta["domains"])
        notes, deviations = [*notes_on(AugmentConfig.model_validate(config.data.augment).artefacts)], []
        if one_frame and clips:
            notes.append("each clip gives one frame, drawn at random at every visit, as the recipe says")
        elif one_frame:
            deviations.append("the recipe trains on one random frame of a clip at every visit; here on every frame")
        if mixed == sampler == "sources":
            often = [f"{d['name']} {n} times" for d, n in zip(meta["domains"], repeats, strict=True) if n > 1]
            counted = f" ({', '.join(often)})" if often else ""
            notes.append(f"sources are drawn by their length{counted}, labels by turns, as the recipe says")
        elif mixed == "sources":
            why = ", which the method needs" if apart else ""
            deviations.append(f"the recipe draws its sources by their length; here data.sampler={sampler}{why}")
        if one_frame and config.evaluate.frames == "all":
            notes.append(
                "a clip's score is the mean over its frames; the recipe's authors score one at random "
                "(evaluate.frames=random_one)"
            )
        return cls(sampler, clips, repeats, tuple(notes), tuple(deviations))


def _repeats(weights: Mapping[str, int], domains: Sequence[Mapping[str, Any]]) -> tuple[int, ...]:
    """Return how often each source counts: as its letter's weight says, else as the recipe does."""
    letters = [str(domain.get("letter", "")) for domain in domains]
    strange = sorted(set(weights) - set(letters))
    if strange:
        raise unknown_name("source in data.source_weights", strange[0], filter(None, letters))
    recipe = [int(domain.get("repeats", 1)) for domain in domains]
    return tuple(weights.get(letter, times) for letter, times in zip(letters, recipe, strict=True))


def _sources(meta: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the rules about sources in the part of the recipe that the manifest was built by."""
    pools = meta["recipe"].get("pools", {})
    return pools.get(meta["pool"], pools.get("inside", {})).get("sources", {})
