"""One ordered pass over samples without augmentation, for validation and test."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np

from fastrain.data.batches import collate
from fastrain.data.images import Images
from fastrain.data.room import Room
from fastrain.data.transforms import AugmentConfig, output_side, write_into

_AHEAD = 2  # batches in preparation besides the one that is in use
_AT_ONCE = 4  # images a thread takes at a time


def ordered_batches(
    images: Images, config: AugmentConfig, members: np.ndarray, *, size: int, workers: int = 0
) -> Iterator[dict[str, Any]]:
    """Yield the batches of `members` in their order, the last one as short as it comes."""
    side = output_side(config, images.size, random=False)
    chunks = [members[start : start + size] for start in range(0, len(members), size)]

    def prepare(room: Room, chunk: np.ndarray, start: int, stop: int) -> None:
        for place in range(start, stop):
            i = int(chunk[place])
            room.fill(place, images.load(i), partial(write_into, config=config, depth_unit=images.depth_unit(i)))

    if not workers:
        for chunk in chunks:
            room = Room(images.modalities, len(chunk), side)
            prepare(room, chunk, 0, len(chunk))
            yield collate(images, chunk, [(room, 0, len(chunk))])
        return
    with ThreadPoolExecutor(workers, thread_name_prefix="images") as pool:

        def begin(chunk: np.ndarray) -> tuple[np.ndarray, Room, list[Future[None]]]:
            room, n = Room(images.modalities, len(chunk), side), len(chunk)
            starts = range(0, n, _AT_ONCE)
            return chunk, room, [pool.submit(prepare, room, chunk, at, min(at + _AT_ONCE, n)) for at in starts]

        waiting = deque(begin(chunk) for chunk in chunks[: _AHEAD + 1])
        for following in [*chunks[_AHEAD + 1 :], *[None] * len(waiting)]:
            chunk, room, futures = waiting.popleft()
            for future in futures:
                future.result()
            yield collate(images, chunk, [(room, 0, len(chunk))])
            if following is not None:
                waiting.append(begin(following))
