"""Training batches, balanced over domains and labels, prepared ahead by threads."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from fasdata.errors import UserError
from fastrain.data.base_views import ViewMaker
from fastrain.data.batches import Part, Room, collate
from fastrain.data.images import Images
from fastrain.data.samplers import WHOLE, Group, GroupStream, Sampler, Stream, by_sources, shuffled_together
from fastrain.data.samples import ClipFrames
from fastrain.data.transforms import AugmentConfig, augment_into, output_side

# -- Random numbers for a place in a stream: a function of the place alone, whoever asks and when ---------------------


class Chances:
    """One generator for every position of what `key` names.

    Philox works by counter: the position is put into the upper half of it, which costs a tenth of seeding a generator
    anew and leaves 2^64 blocks to each position. Keys and positions are whole numbers from 0 up.
    """

    def __init__(self, *key: int) -> None:
        self._key = np.random.SeedSequence(key).generate_state(2, np.uint64)
        self._own = threading.local()

    def at(self, position: int) -> np.random.Generator:
        """Return the generator of `position`; it is this thread's, and good until the thread asks for another."""
        try:
            generator, bits, state, counter = self._own.kept
        except AttributeError:
            generator, bits, state, counter = self._own.kept = self._new()
        counter[2] = position
        bits.state = state
        return generator

    def _new(self) -> tuple[np.random.Generator, np.random.Philox, dict[str, Any], np.ndarray]:
        bits = np.random.Philox(key=self._key)
        state: dict[str, Any] = dict(bits.state)
        return np.random.Generator(bits), bits, state, state["state"]["counter"]


# -- Training batches, balanced over domains and labels, prepared ahead by threads ------------------------------------


_AHEAD = 2  # batches a stream prepares before they are asked for
_AT_ONCE = 4  # images a thread takes at a time
_ORDER, _CHANGES, _FRAME = 0, 1, 2  # keep the random numbers of the uses apart


@dataclass(frozen=True)
class _Batch:
    """Items of one stream in preparation, where they will lie, and the stream's position after them."""

    members: np.ndarray
    part: Part
    done: Sequence[Future[None]]
    end: int


class TrainLoader:
    """Draws the next images of chosen domains: one endless stream for every (domain, label).

    With another `sampler` than groups there is one stream of all domains instead, `batch_items` a draw: `sources` draws
    the domain by its length and the label by turns (`MixedStream`), shuffled and balanced see `shuffled_together`; a
    domain of which `repeats` is n is n times as long there. With `clips` an item of a stream is a clip, of which a
    random frame is taken each time. With `views` above 1 every image is augmented that often, and the batch has
    `views`, of which `modalities` is the first.

    What is drawn depends on `seed` and on what was drawn before, nothing else: the order of a stream is a function of
    its position, and the frame and the augmentation of an image of (seed, stream, position). So neither the number of
    threads nor a stop and restart changes a batch. Of `devices` processes, each gets its own images of every stream.
    """

    def __init__(
        self,
        images: Images,
        changes: AugmentConfig,
        *,
        n_domains: int,
        per_group: int,
        seed: int,
        sampler: Sampler = "groups",
        batch_items: int = 0,
        repeats: Sequence[int] = (),
        clips: bool = False,
        views: int = 1,
        fill: bool = False,
        workers: int = 0,
        rank: int = 0,
        devices: int = 1,
    ) -> None:
        self._images, self._changes, self._seed = images, changes, seed
        self._rank, self._devices, self._views = rank, devices, views
        self._clips = ClipFrames.of(images.samples) if clips else None
        groups = images.samples.groups(n_domains)
        if self._clips:
            groups = {group: np.unique(self._clips.clip[members]) for group, members in groups.items()}
        self._domains = list(range(n_domains))
        self._together = sampler != "groups"
        self._per_stream = batch_items if self._together else per_group
        times = {group: repeats[group[0]] if repeats else 1 for group in groups}
        if sampler == "sources":
            self._streams: dict[Group, Stream] = {WHOLE: by_sources(groups, times, (seed, _ORDER))}
        else:
            if self._together:
                groups = {WHOLE: shuffled_together(groups, times, balanced=sampler == "balanced")}
            self._streams = {
                group: GroupStream(members, (seed, _ORDER, *group), fill or devices > 1)
                for group, members in groups.items()
            }
        uses = (_CHANGES, _FRAME)
        self._chances = {(use, group): Chances(seed, use, *group) for use in uses for group in self._streams}
        self._used = dict.fromkeys(self._streams, 0)
        self._waiting: dict[Group, deque[_Batch]] = {group: deque() for group in self._streams}
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="images") if workers else None
        self._side = output_side(changes, images.size, random=True)

    def draw(self, domains: Sequence[int]) -> dict[str, Any]:
        """Return the next batch: for each of `domains`, in the given order, bona fide then attack images.

        Raises:
            UserError: no domain is asked for, or one that the manifest does not have, or not all of them of a stream
                that mixes them; an image cannot be read.
        """
        groups = self._asked(domains)
        wanted = Counter[Group]()
        lacking = []
        for group in groups:
            wanted[group] += 1
            if wanted[group] > len(self._waiting[group]):
                lacking.append(group)
        self._begin(lacking)
        batches = [self._waiting[group].popleft() for group in groups]
        self._used.update((group, batch.end) for group, batch in zip(groups, batches, strict=True))
        for _ in range(_AHEAD if self._pool else 0):
            self._begin([group for group in wanted if len(self._waiting[group]) < _AHEAD])
        for batch in batches:
            for done in batch.done:
                done.result()
        return collate(self._images, np.concatenate([one.members for one in batches]), [one.part for one in batches])

    def state(self) -> dict[str, int]:
        """Return the position of every stream, by `domain/label`; images prepared ahead do not count."""
        return {f"{domain}/{label}": used for (domain, label), used in self._used.items()}

    def restore(self, state: Mapping[str, int]) -> None:
        """Continue from positions that `state` returned."""
        self._used = {(domain, label): int(state[f"{domain}/{label}"]) for domain, label in self._streams}
        for waiting in self._waiting.values():
            waiting.clear()

    def close(self) -> None:
        """End the threads; what they prepared and nobody asked for is dropped."""
        if self._pool:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _asked(self, domains: Sequence[int]) -> list[Group]:
        asked = [int(domain) for domain in domains]
        if not asked or not set(asked) <= set(self._domains):
            known = ", ".join(map(str, self._domains))
            raise UserError("a batch needs source domains", expected=f"some of {known}", found=str(asked))
        if not self._together:
            return [(domain, label) for domain in asked for label in (1, 0)]
        if asked != self._domains:
            raise UserError(
                "this sampler draws from all source domains at once", found=str(asked), do="--set data.sampler=groups"
            )
        return [WHOLE]

    def _begin(self, groups: Sequence[Group]) -> None:
        """Begin one more batch of each of these streams; they share a room, so that together they are a batch as is."""
        drawn = []
        ends: dict[Group, int] = {}
        for group in groups:
            waiting = self._waiting[group]
            start = ends.get(group, waiting[-1].end if waiting else self._used[group])
            members, positions, ends[group] = self._drawn(group, start)
            drawn.append((group, members, positions, ends[group]))
        room = Room(self._images.modalities, sum(len(one[1]) for one in drawn), self._side, self._views)
        at = 0
        for group, members, positions, end in drawn:
            done = []
            for k in range(0, len(members), _AT_ONCE if self._pool else len(members)):
                some = slice(k, k + _AT_ONCE) if self._pool else slice(None)
                done += self._submit(room, at + k, group, members[some], positions[some])
            self._waiting[group].append(_Batch(members, (room, at, at + len(members)), done, end))
            at += len(members)

    def _drawn(self, group: Group, start: int) -> tuple[np.ndarray, range, int]:
        """Return the samples that this device takes next of a stream, their positions, and where the stream is then."""
        drawn = self._streams[group].batch(start, self._per_stream * self._devices)
        end = start + len(drawn)
        mine = slice(self._rank * self._per_stream, (self._rank + 1) * self._per_stream)
        members, positions = drawn[mine], range(start, end)[mine]
        if self._clips:
            chances = self._chances[_FRAME, group]
            frames = [self._clips.one(c, chances.at(p)) for c, p in zip(members.tolist(), positions, strict=True)]
            members = np.array(frames)
        return members, positions, end

    def _submit(self, *work: Any) -> list[Future[None]]:
        if self._pool:
            return [self._pool.submit(self._prepare, *work)]
        self._prepare(*work)
        return []

    def _prepare(self, room: Room, at: int, group: Group, members: np.ndarray, positions: range) -> None:
        """Put images into their places of a room, from `at` on."""
        for place, (i, position) in enumerate(zip(members.tolist(), positions, strict=True), start=at):
            # One generator for all views: each goes on where the one before stopped; the first is as without others.
            rng, unit = self._chances[_CHANGES, group].at(position), self._images.depth_unit(i)
            maker = ViewMaker(self._changes.base_views, rng) if self._changes.base_views else None
            write = partial(augment_into, config=self._changes, rng=rng, depth_unit=unit, views=maker)
            room.fill(place, self._images.load(i), write)
