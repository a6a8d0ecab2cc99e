"""One ordered pass over samples without augmentation, for validation and test."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrain.data.batches import collate
from fastrain.data.images import Images
from fastrain.data.transforms import AugmentConfig, to_tensors

if TYPE_CHECKING:
    from torch import Tensor

_AHEAD = 2  # batches in preparation besides the one that is in use


def ordered_batches(
    images: Images, config: AugmentConfig, members: np.ndarray, *, size: int, workers: int = 0
) -> Iterator[dict[str, Any]]:
    """Yield the batches of `members` in their order, the last one as short as it comes."""
    chunks = [members[start : start + size] for start in range(0, len(members), size)]

    def prepare(i: int) -> dict[str, Tensor]:
        loaded = images.load(i)
        return to_tensors(loaded, config, images.depth_unit(i)) if loaded else {}

    if not workers:
        for chunk in chunks:
            yield collate(images, chunk, [prepare(int(i)) for i in chunk])
        return
    with ThreadPoolExecutor(workers, thread_name_prefix="images") as pool:
        waiting = deque((chunk, [pool.submit(prepare, int(i)) for i in chunk]) for chunk in chunks[: _AHEAD + 1])
        for following in [*chunks[_AHEAD + 1 :], *[None] * len(waiting)]:
            chunk, futures = waiting.popleft()
            yield collate(images, chunk, [future.result() for future in futures])
            if following is not None:
                waiting.append((following, [pool.submit(prepare, int(i)) for i in following]))
