"""Batches: memory that images are written into, the dictionary that methods receive, one ordered pass for scoring."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from fastrain.data import plain
from fastrain.data.images import Images
from fastrain.data.transforms import AugmentConfig, output_side, write_into

CHANNELS = {"rgb": 3, "depth": 1, "ir": 1}
_FULL = np.float32(255)
_ALIGNED = 64  # bytes


class Write(Protocol):
    """Writes images into arrays, both by modality."""

    def __call__(self, images: Mapping[str, np.ndarray], /, *, out: dict[str, np.ndarray]) -> object: ...


class StagedWrite(Protocol):
    """Writes images into arrays, or their 8-bit planes to a stage."""

    def __call__(
        self, images: Mapping[str, np.ndarray], /, *, out: dict[str, np.ndarray], stage: ByteStage
    ) -> object: ...


class _Arrays:
    """Gives out arrays, of new memory or one after the other of lent bytes."""

    def __init__(self, lent: np.ndarray | None) -> None:
        self._lent, self._at = lent, 0

    def take(self, shape: tuple[int, ...], kind: type) -> np.ndarray:
        """Return an array; what is in it is undefined."""
        if self._lent is None:
            return np.empty(shape, kind)
        size = math.prod(shape) * np.dtype(kind).itemsize
        start, self._at = self._at, self._at + -(-size // _ALIGNED) * _ALIGNED
        return self._lent[start : start + size].view(kind).reshape(shape)


def bytes_of(modalities: Sequence[str], count: int, side: int, views: int, maps: Mapping[str, int]) -> int:
    """Return how many bytes a `BatchMemory` of these arguments may take of what is lent to it."""
    floats = views * sum(CHANNELS[name] for name in modalities) * side * side + sum(n * n for n in maps.values())
    arrays = (views + 1) * len(modalities) + len(maps)
    return count * (4 * floats + len(modalities)) + arrays * _ALIGNED


class BatchMemory:
    """Memory for `count` samples: `views` tensors a modality, float32 (count,C,side,side), and which are available.

    Threads may fill different places at the same time. A modality that a sample lacks is zero there. `maps` names
    further planes by their sides, float32 (count,1,side,side) and zero: whoever fills a sample writes them (`maps_at`).
    """

    def __init__(
        self,
        modalities: Sequence[str],
        count: int,
        side: int,
        views: int = 1,
        maps: Mapping[str, int] | None = None,
        *,
        lent: np.ndarray | None = None,
        begun: bool = False,
    ) -> None:
        """Take memory, or what of `lent` bytes is needed (`bytes_of`); with `begun` it is what another process sees."""
        self.count = count
        arrays = _Arrays(lent)
        self._arrays = [
            {name: arrays.take((count, CHANNELS[name], side, side), np.float32) for name in modalities}
            for _ in range(views)
        ]
        self._maps = {name: arrays.take((count, 1, n, n), np.float32) for name, n in (maps or {}).items()}
        self._available = {name: arrays.take((count,), np.bool_) for name in modalities}
        for array in (*self._maps.values(), *self._available.values()) if not begun else ():
            array[:] = 0
        self.views = [{name: torch.from_numpy(array) for name, array in view.items()} for view in self._arrays]
        self.maps = {name: torch.from_numpy(array) for name, array in self._maps.items()}
        self.available = {name: torch.from_numpy(array) for name, array in self._available.items()}

    def maps_at(self, place: int) -> dict[str, np.ndarray]:
        """Return the maps of one sample, (1,side,side) each, to be written into."""
        return {name: array[place] for name, array in self._maps.items()}

    def fill(self, place: int, images: Mapping[str, np.ndarray], write: Write) -> None:
        """Let `write` put the images of one sample (by modality) into each of its views."""
        self._mark(place, images)
        for view in self._arrays if images else ():
            write(images, out={name: view[name][place] for name in images})

    def view(self, name: str) -> np.ndarray:
        """Return the images of a modality in the first view, float32 (count,C,side,side), to be written into."""
        return self._arrays[0][name]

    def mark(self, name: str, start: int, stop: int) -> None:
        """Note that samples `start` to `stop` have a modality."""
        self._available[name][start:stop] = True

    def _mark(self, place: int, images: Mapping[str, np.ndarray]) -> None:
        for name, available in self._available.items():
            available[place] = name in images
            if name not in images:
                for view in self._arrays:
                    view[name][place] = 0


class ByteStage:
    """Fills places `start` to `stop` of a memory, dividing the 8-bit images among them together when it is `done`.

    A call of numpy for each image would cost a thread more of the interpreter's lock than of its core: of all that a
    thread does between two images, only what holds that lock cannot be done by several threads at once. What a thread
    stages is overwritten by what it stages next.
    """

    _own = threading.local()

    def __init__(self, memory: BatchMemory, start: int, stop: int) -> None:
        self._memory, self._start, self._count = memory, start, stop - start
        self._staged: dict[tuple[int, str], tuple[np.ndarray, list[int]]] = {}
        self._place = self._view = 0

    def fill(self, place: int, images: Mapping[str, np.ndarray], write: StagedWrite) -> None:
        """Let `write` put the images of one sample into each of its views, or to `stage`."""
        memory = self._memory
        memory._mark(place, images)
        self._place = place
        for number, view in enumerate(memory._arrays if images else ()):
            self._view = number
            write(images, out={name: view[name][place] for name in images}, stage=self)

    def planes(self, modality: str) -> np.ndarray:
        """Return where the planes of the image that is being written belong, uint8 CxHxW."""
        key = (self._view, modality)
        if key not in self._staged:
            shape = (self._count, *self._memory._arrays[self._view][modality].shape[1:])
            self._staged[key] = (self._planes_of(key, shape), [])
        planes, places = self._staged[key]
        places.append(self._place)
        return planes[self._place - self._start]

    def done(self) -> None:
        """Write what was staged into the memory, as float32 in [0, 1]."""
        for (view, modality), (planes, places) in self._staged.items():
            target = self._memory._arrays[view][modality]
            if len(places) == self._count:
                np.divide(planes, _FULL, out=target[self._start : self._start + self._count])
                continue
            for place in places:
                np.divide(planes[place - self._start], _FULL, out=target[place])

    def _planes_of(self, key: tuple[int, str], shape: tuple[int, ...]) -> np.ndarray:
        kept: dict[tuple[int, str], np.ndarray] = self._own.__dict__.setdefault("planes", {})
        if key not in kept or kept[key].shape[1:] != shape[1:] or len(kept[key]) < shape[0]:
            kept[key] = np.empty(shape, np.uint8)
        return kept[key][: shape[0]]


Segment = tuple[BatchMemory, int, int]  # first place, and the place after the last


def joined(segments: Sequence[Segment]) -> tuple[list[dict[str, Tensor]], dict[str, Tensor]]:
    """Return views and availability of several segments, one after the other; adjacent ones are not copied."""
    memory = segments[0][0]
    views = [
        {name: _join(segments, lambda of, v=v, name=name: of.views[v][name]) for name in memory.views[v]}  # type: ignore[misc]
        for v in range(len(memory.views))
    ]
    return views, {name: _join(segments, lambda of, name=name: of.available[name]) for name in memory.available}  # type: ignore[misc]


def joined_maps(segments: Sequence[Segment]) -> dict[str, Tensor]:
    """Return the maps of several segments, as `joined` does."""
    return {name: _join(segments, lambda of, name=name: of.maps[name]) for name in segments[0][0].maps}  # type: ignore[misc]


def _join(segments: Sequence[Segment], take: Callable[[BatchMemory], Tensor]) -> Tensor:
    """Return a tensor of each segment's memory, cut to the segment, one after the other."""
    memory, begin = segments[0][:2]
    ends = [stop for _, _, stop in segments]
    if all(segment[0] is memory for segment in segments) and [begin, *ends[:-1]] == [start for _, start, _ in segments]:
        whole = (begin, ends[-1]) == (0, memory.count)
        return take(memory) if whole else take(memory)[begin : ends[-1]]
    return torch.cat([take(source)[start:stop] for source, start, stop in segments])


def collate(
    images: Images, members: np.ndarray, segments: Sequence[Segment], made: Mapping[int, str] | None = None
) -> dict[str, Any]:
    """Return the batch of `members`, whose images lie in `segments`, in the same order.

    `made` are the places of bona fide samples that became attacks, with their species.
    With more than one view the batch has them all in `views`, and the first in `modalities` too. A modality that a
    sample lacks is zero there, and False in `available`. `maps` is there where the memory has any.
    """
    samples = images.samples
    label, domain = samples.label[members].astype(np.int64), samples.domain[members].astype(np.int64)
    ids = samples.sample_ids(members)
    for place, species in (made or {}).items():
        label[place], ids[place] = 0, f"{ids[place]}+{species}"
    views, available = joined(segments)
    batch = {
        "modalities": views[0],
        "label": torch.from_numpy(label),
        "domain": torch.from_numpy(domain),
        "group": torch.from_numpy(2 * domain + label),
        "id": ids,
        "available": available,
    }
    maps = joined_maps(segments)
    return {**batch, **({"views": views} if len(views) > 1 else {}), **({"maps": maps} if maps else {})}


_AHEAD = 2  # batches in preparation besides the one that is in use
AT_ONCE = 8  # images a thread takes at a time, at most


def shares(count: int, workers: int) -> list[tuple[int, int]]:
    """Return the first place and the place after the last of what a thread takes at a time, of `count` images.

    Few images would cost a thread more words than work; so many that not every thread gets some, or that one is busy
    when the others are done, would leave cores idle. Without workers, and for processes, it is all of them.

    >>> shares(24, 2), shares(3, 16), shares(24, 0)
    ([(0, 6), (6, 12), (12, 18), (18, 24)], [(0, 1), (1, 2), (2, 3)], [(0, 24)])
    """
    at_once = max(1, min(AT_ONCE, count // (2 * workers)) if workers else count)
    return [(start, min(start + at_once, count)) for start in range(0, count, at_once)]


def ordered_batches(
    images: Images, config: AugmentConfig, members: np.ndarray, *, size: int, workers: int = 0
) -> Iterator[dict[str, Any]]:
    """Yield the batches of `members` in their order, without augmentation, as validation and test use them.

    The last batch may be short. `workers` threads prepare images ahead; 0 = none.
    """
    side = output_side(config, images.size, random=False)
    chunks = [members[start : start + size] for start in range(0, len(members), size)]

    def prepare(memory: BatchMemory, chunk: np.ndarray, start: int, stop: int) -> None:
        members = chunk[start:stop].tolist()
        unturned = dict.fromkeys(images.modalities, [False] * len(members))
        if plain.only_converts(config) and plain.fill(images, memory, start, members, unturned):
            return
        stage = ByteStage(memory, start, stop)
        for place, i in enumerate(members, start):
            stage.fill(place, images.load(i), partial(write_into, config=config, depth_unit=images.depth_unit(i)))
        stage.done()

    if not workers:
        for chunk in chunks:
            memory = BatchMemory(images.modalities, len(chunk), side)
            prepare(memory, chunk, 0, len(chunk))
            yield collate(images, chunk, [(memory, 0, len(chunk))])
        return
    with ThreadPoolExecutor(workers, thread_name_prefix="images") as pool:

        def begin(chunk: np.ndarray) -> tuple[np.ndarray, BatchMemory, list[Future[None]]]:
            memory, n = BatchMemory(images.modalities, len(chunk), side), len(chunk)
            return chunk, memory, [pool.submit(prepare, memory, chunk, *part) for part in shares(n, workers)]

        waiting = deque(begin(chunk) for chunk in chunks[: _AHEAD + 1])
        for following in [*chunks[_AHEAD + 1 :], *[None] * len(waiting)]:
            chunk, memory, futures = waiting.popleft()
            for future in futures:
                future.result()
            yield collate(images, chunk, [(memory, 0, len(chunk))])
            if following is not None:
                waiting.append(begin(following))
