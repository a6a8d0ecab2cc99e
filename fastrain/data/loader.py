"""Training batches, balanced over domains and labels, prepared ahead by threads."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import Any

import numpy as np

from fasdata.errors import UserError
from fastrain.config import LastBatch
from fastrain.data import plain
from fastrain.data.artefacts import Artefact, ArtefactDraws
from fastrain.data.batches import AT_ONCE, BatchMemory, ByteStage, Segment, bytes_of, collate, shares
from fastrain.data.crew import AVAILABLE, Crew, SharedSlots
from fastrain.data.images import Images
from fastrain.data.samplers import ALL_DOMAINS, Group, GroupStream, Sampler, Stream, by_sources, shuffled_together
from fastrain.data.samples import ClipFrames
from fastrain.data.target_maps import MapWriter, require_movable
from fastrain.data.transforms import AugmentConfig, augment_into, output_side, views_of
from fastrain.pixel_targets import PixelTarget


class PositionalRandom:
    """Random numbers for every position of a stream (named by `key`), a function of key and position alone.

    Philox works by counter: the position is put into the upper half of it, which costs a tenth of seeding a generator
    anew and leaves 2^64 blocks to each position. Keys and positions are whole numbers from 0 up.
    """

    def __init__(self, *key: int) -> None:
        self._key = np.random.SeedSequence(key).generate_state(2, np.uint64)
        self._own = threading.local()

    def at(self, position: int) -> np.random.Generator:
        """Return the generator of `position`; it belongs to this thread, and is valid until its next call."""
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


_AHEAD = 2  # batches a stream prepares before they are asked for, and more of small ones for many threads
_IN_USE = 4  # batches that whoever asked may still hold
_ORDER, _CHANGES, _FRAME, _ARTEFACTS = 0, 1, 2, 3  # give each use random numbers of its own


@dataclass(frozen=True)
class _Items:
    """Items of one stream: their samples, their positions in it, what happens to their pictures, the position after."""

    members: np.ndarray
    positions: range
    artefacts: Sequence[Artefact | None]
    end: int


_Sample = tuple[Group, int, int, Artefact | None]  # stream, number among the samples, position, what happens to it


@dataclass(frozen=True)
class _Batch:
    """Items of one stream in preparation, and their memory."""

    items: _Items
    segment: Segment
    done: Sequence[Future[None]]


class TrainLoader:
    """Draw training batches from the domains that are asked for: one endless stream for every (domain, label).

    With another `sampler` than groups there is one stream of all domains instead, `batch_items` a draw: `sources` draws
    the domain by its length and the label by turns (`MixedStream`); for shuffled and balanced see `shuffled_together`.
    There a domain with `repeats` n counts n times. With `clips` an item of a stream is a clip, of which a random frame
    is taken each time. With `views` above 1 every image is augmented that often, and the batch has
    `views`, of which `modalities` is the first. `targets` are maps that the batch has beside, by name; one view only.
    Attacks that `changes.artefacts` makes of bona fide pictures have `+` and their species at the end of their id.

    What is drawn depends on `seed` and on what was drawn before, nothing else: the order of a stream is a function of
    its position, and the frame and the augmentation of an image of (seed, stream, position). So neither the number of
    `workers`, nor whether they are threads or `processes`, nor a stop and restart changes a batch. Of `devices`
    processes, each gets its own images of every stream.
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
        last_batch: LastBatch = "keep",
        workers: int = 0,
        processes: bool = False,
        rank: int = 0,
        devices: int = 1,
        targets: Mapping[str, PixelTarget] | None = None,
    ) -> None:
        self._images, self._changes, self._seed = images, changes, seed
        self._targets = require_movable(targets or {}, changes, views)
        self._rank, self._devices, self._views = rank, devices, views
        self._plain = views == 1 and not self._targets and plain.only_mirrors(changes)
        self._clips = ClipFrames.of(images.samples) if clips else None
        groups = images.samples.groups(n_domains)
        if self._clips:
            groups = {group: np.unique(self._clips.clip[members]) for group, members in groups.items()}
        self._domains = list(range(n_domains))
        self._together = sampler != "groups"
        self._per_stream = batch_items if self._together else per_group
        times = {group: repeats[group[0]] if repeats else 1 for group in groups}
        if sampler == "sources":
            self._streams: dict[Group, Stream] = {ALL_DOMAINS: by_sources(groups, times, (seed, _ORDER))}
        else:
            if self._together:
                groups = {ALL_DOMAINS: shuffled_together(groups, times, balanced=sampler == "balanced")}
            self._streams = {
                group: GroupStream(
                    members,
                    (seed, _ORDER, *group),
                    fill=last_batch != "keep" or devices > 1,
                    whole=self._per_stream * devices if last_batch == "drop" else 1,
                )
                for group, members in groups.items()
            }
        artefacts = changes.artefacts
        self._artefacts = ArtefactDraws(artefacts, images.samples, self._clips) if artefacts else None
        self._makes_attacks = artefacts is not None and artefacts.label == "attack"
        uses = (_CHANGES, _FRAME, *((_ARTEFACTS,) if artefacts else ()))
        self._random = {(use, group): PositionalRandom(seed, use, *group) for use in uses for group in self._streams}
        self._used = dict.fromkeys(self._streams, 0)
        self._waiting: dict[Group, deque[_Batch]] = {group: deque() for group in self._streams}
        self._workers = workers
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="images") if workers else None
        self._side = output_side(changes, images.size, random=True)
        self._map_sides = {name: target.side for name, target in self._targets.items()}
        self._slots: SharedSlots | None = None
        self._crew: Crew | None = None
        # Each process would keep a cache of its own.
        self._by_processes = processes and workers > 0 and AVAILABLE and not images.cached
        if self._by_processes:
            most = len(self._streams) * self._per_stream
            size = bytes_of(images.modalities, most, self._side, views, self._map_sides)
            self._slots = SharedSlots(self._ahead(most) + _IN_USE, size)
            self._crew = Crew(workers, self._fill_slot)

    def draw(self, domains: Sequence[int]) -> dict[str, Any]:
        """Return the next batch: for each of `domains`, in the given order, bona fide then attack images.

        Raises:
            UserError: no domain is asked for, or one that the manifest does not have, or not all of them of a stream
                that mixes them; an image cannot be read.
        """
        groups = self._groups_of(domains)
        wanted = Counter[Group]()
        lacking = []
        for group in groups:
            wanted[group] += 1
            if wanted[group] > len(self._waiting[group]):
                lacking.append(group)
        self._begin(lacking)
        batches = [self._waiting[group].popleft() for group in groups]
        self._used.update((group, batch.items.end) for group, batch in zip(groups, batches, strict=True))
        ahead = self._ahead(sum(len(batch.items.members) for batch in batches))
        for _ in range(ahead if self._pool else 0):
            self._begin([group for group in wanted if len(self._waiting[group]) < ahead])
        for batch in batches:
            for done in batch.done:
                done.result()
        members = np.concatenate([batch.items.members for batch in batches])
        artefacts = [artefact for batch in batches for artefact in batch.items.artefacts]
        made = {place: artefact.species for place, artefact in enumerate(artefacts) if artefact}
        segments = [batch.segment for batch in batches]
        return collate(self._images, members, segments, made if self._makes_attacks else {})

    def state(self) -> dict[str, int]:
        """Return the position of every stream, by `domain/label`; images prepared ahead do not count."""
        return {f"{domain}/{label}": used for (domain, label), used in self._used.items()}

    def restore(self, state: Mapping[str, int]) -> None:
        """Continue from positions that `state` returned.

        Raises:
            UserError: they are those of other streams.
        """
        if set(state) != set(self.state()):
            raise UserError(
                "streams: these are not the run's", expected=", ".join(self.state()), found=", ".join(state)[:160]
            )
        self._used = {(domain, label): int(state[f"{domain}/{label}"]) for domain, label in self._streams}
        for waiting in self._waiting.values():
            waiting.clear()

    def close(self) -> None:
        """End threads and processes and drop the batches that were prepared ahead."""
        if self._pool:
            self._pool.shutdown(wait=True, cancel_futures=True)
        if self._crew:
            self._crew.close()

    def _groups_of(self, domains: Sequence[int]) -> list[Group]:
        numbers = [int(domain) for domain in domains]
        if not numbers or not set(numbers) <= set(self._domains):
            known = ", ".join(map(str, self._domains))
            raise UserError("a batch needs source domains", expected=f"some of {known}", found=str(numbers))
        if not self._together:
            return [(domain, label) for domain in numbers for label in (1, 0)]
        if numbers != self._domains:
            raise UserError(
                "this sampler draws from all source domains at once", found=str(numbers), do="--set data.sampler=groups"
            )
        return [ALL_DOMAINS]

    def _begin(self, groups: Sequence[Group]) -> None:
        """Begin one more batch of each of these streams, in one memory, so that joining them copies nothing."""
        drawn = []
        ends: dict[Group, int] = {}
        for group in groups:
            waiting = self._waiting[group]
            start = ends.get(group, waiting[-1].items.end if waiting else self._used[group])
            items = self._drawn(group, start)
            ends[group] = items.end
            drawn.append((group, items))
        samples = [sample for group, items in drawn for sample in self._samples(group, items)]
        memory, slot = self._memory(len(samples))
        parts = shares(len(samples), 0 if self._crew else self._workers)
        if self._pool:
            work = [
                (part, self._pool.submit(self._prepare, memory, slot, part[0], samples[slice(*part)])) for part in parts
            ]
        else:
            work = []
            for part in parts:
                self._fill(memory, part[0], samples[slice(*part)])
        at = 0
        for group, items in drawn:
            end = at + len(items.members)
            done = [future for (first, stop), future in work if first < end and stop > at]
            self._waiting[group].append(_Batch(items, (memory, at, end), done))
            at = end

    def _samples(self, group: Group, items: _Items) -> Iterator[_Sample]:
        members = items.members.tolist()
        return zip(repeat(group, len(members)), members, items.positions, items.artefacts, strict=True)

    def _drawn(self, group: Group, start: int) -> _Items:
        """Return the next items of a stream for this device."""
        drawn = self._streams[group].batch(start, self._per_stream * self._devices)
        end = start + len(drawn)
        mine = slice(self._rank * self._per_stream, (self._rank + 1) * self._per_stream)
        members, positions = drawn[mine], range(start, end)[mine]
        if self._clips:
            random = self._random[_FRAME, group]
            frames = [
                self._clips.random_frame(c, random.at(p)) for c, p in zip(members.tolist(), positions, strict=True)
            ]
            members = np.array(frames)
        if self._artefacts is None:
            return _Items(members, positions, [None] * len(members), end)
        random = self._random[_ARTEFACTS, group]
        pairs = [self._artefacts.of(m, random.at(p)) for m, p in zip(members.tolist(), positions, strict=True)]
        return _Items(np.array([m for m, _ in pairs], members.dtype), positions, [a for _, a in pairs], end)

    def _ahead(self, count: int) -> int:
        """Return how many batches of that many images are prepared: enough that no worker is idle."""
        images = self._workers * (max(count, AT_ONCE) if self._by_processes else 2 * AT_ONCE)
        return max(_AHEAD, -(-images // max(1, count)) + self._by_processes)

    def _memory(self, count: int) -> tuple[BatchMemory, int | None]:
        """Return memory for a batch, and the number of its piece of shared memory, where one is free."""
        form = (self._images.modalities, count, self._side, self._views, self._map_sides)
        lent = self._slots.lend(bytes_of(*form)) if self._slots else None
        return (BatchMemory(*form, lent=lent[1]), lent[0]) if lent else (BatchMemory(*form), None)

    def _prepare(self, memory: BatchMemory, slot: int | None, start: int, samples: Sequence[_Sample]) -> None:
        """Fill a part of a memory: a child does it where the memory is shared, otherwise this thread."""
        if self._crew and slot is not None:
            self._crew.do(slot, memory.count, start, samples)
        else:
            self._fill(memory, start, samples)

    def _fill_slot(self, slot: int, count: int, start: int, samples: Sequence[_Sample]) -> None:
        """Fill a part of a batch in a piece of shared memory, in a child."""
        assert self._slots
        form = (self._images.modalities, count, self._side, self._views, self._map_sides)
        self._fill(BatchMemory(*form, lent=self._slots.bytes_of(slot), begun=True), start, samples)

    def _fill(self, memory: BatchMemory, start: int, samples: Sequence[_Sample]) -> None:
        """Write augmented images into a memory, from place `start` on."""
        images, changes, random = self._images, self._changes, self._random
        if self._plain:
            generators = (random[_CHANGES, group].at(position) for group, _, position, _ in samples)
            turned = plain.mirrored(changes, images.modalities, generators)
            if plain.fill(images, memory, start, [i for _, i, _, _ in samples], turned):
                return
        stage = ByteStage(memory, start, start + len(samples))
        for place, (group, i, position, artefact) in enumerate(samples, start):
            # One generator for all views, each going on where the last one stopped: the first is as without the others.
            rng, unit = random[_CHANGES, group].at(position), images.depth_unit(i)
            views = views_of(changes, rng)
            maps = MapWriter(self._targets, memory.maps_at(place)) if self._targets else None
            write = partial(augment_into, config=changes, rng=rng, depth_unit=unit, views=views, maps=maps)
            loaded = images.load(i)
            stage.fill(place, artefact.on(loaded) if artefact else loaded, write)
        stage.done()
