"""Training batches, balanced over domains and labels, prepared ahead by threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fasdata.errors import UserError
from fastrain.data.batches import collate
from fastrain.data.images import Images
from fastrain.data.streams import GroupStream
from fastrain.data.transforms import AugmentConfig, augment

if TYPE_CHECKING:
    from torch import Tensor

Group = tuple[int, int]
_AHEAD = 2  # batches a stream prepares before they are asked for
_ORDER, _CHANGES = 0, 1  # keep the random numbers of the two uses apart


@dataclass(frozen=True)
class _Batch:
    members: np.ndarray
    images: Sequence[Future[dict[str, Tensor]]]
    end: int


class TrainLoader:
    """Draws the next images of chosen domains: one endless stream for every (domain, label).

    What is drawn depends on `seed` and on what was drawn before, nothing else: the order of a stream is a function of
    its position, and the augmentation of an image of (seed, stream, position). So neither the number of threads nor a
    stop and restart changes a batch. Of `devices` processes, each gets its own `per_group` images of every group.
    """

    def __init__(
        self,
        images: Images,
        changes: AugmentConfig,
        *,
        n_domains: int,
        per_group: int,
        seed: int,
        fill: bool = False,
        workers: int = 0,
        rank: int = 0,
        devices: int = 1,
    ) -> None:
        self._images, self._changes, self._seed = images, changes, seed
        self._per_group, self._rank, self._devices = per_group, rank, devices
        self._streams = {
            group: GroupStream(members, (seed, _ORDER, *group), fill or devices > 1)
            for group, members in images.samples.groups(n_domains).items()
        }
        self._used = dict.fromkeys(self._streams, 0)
        self._waiting: dict[Group, deque[_Batch]] = {group: deque() for group in self._streams}
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="images") if workers else None

    def draw(self, domains: Sequence[int]) -> dict[str, Any]:
        """Return the next batch: for each of `domains`, in the given order, bona fide then attack images.

        Raises:
            UserError: no domain is asked for, or one that the manifest does not have; an image cannot be read.
        """
        groups = [(int(domain), label) for domain in domains for label in (1, 0)]
        if not groups or any(group not in self._streams for group in groups):
            known = ", ".join(str(domain) for domain, label in self._streams if label)
            raise UserError("a batch needs source domains", expected=f"some of {known}", found=str(list(domains)))
        batches = [self._next(group) for group in groups]
        members = np.concatenate([batch.members for batch in batches])
        images = [image.result() for batch in batches for image in batch.images]
        return collate(self._images, members, images)

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

    def _next(self, group: Group) -> _Batch:
        waiting = self._waiting[group]
        if not waiting:
            waiting.append(self._prepare(group, self._used[group]))
        batch = waiting.popleft()
        self._used[group] = batch.end
        while self._pool and len(waiting) < _AHEAD:
            waiting.append(self._prepare(group, waiting[-1].end if waiting else batch.end))
        return batch

    def _prepare(self, group: Group, start: int) -> _Batch:
        drawn = self._streams[group].batch(start, self._per_group * self._devices)
        end = start + len(drawn)
        mine = slice(self._rank * self._per_group, (self._rank + 1) * self._per_group)
        members, positions = drawn[mine], range(start, end)[mine]
        images = [self._submit(int(i), group, position) for i, position in zip(members, positions, strict=True)]
        return _Batch(members, images, end)

    def _submit(self, i: int, group: Group, position: int) -> Future[dict[str, Tensor]]:
        if self._pool:
            return self._pool.submit(self._image, i, group, position)
        done: Future[dict[str, Tensor]] = Future()
        done.set_result(self._image(i, group, position))
        return done

    def _image(self, i: int, group: Group, position: int) -> dict[str, Tensor]:
        rng = np.random.default_rng([self._seed, _CHANGES, *group, position])
        loaded = self._images.load(i)
        return augment(loaded, self._changes, rng, self._images.depth_unit(i)) if loaded else {}
