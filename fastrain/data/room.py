"""The memory of a batch, which images are written into one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

CHANNELS = {"rgb": 3, "depth": 1, "ir": 1}


class Write(Protocol):
    """Writes images into arrays, both by modality."""

    def __call__(self, images: Mapping[str, np.ndarray], /, *, out: dict[str, np.ndarray]) -> object: ...


class Room:
    """Room for `count` samples: `views` tensors a modality, float32 (count,C,side,side), and which are available.

    Threads may fill different places at the same time. What a place lacks is zero.
    """

    def __init__(self, modalities: Sequence[str], count: int, side: int, views: int = 1) -> None:
        self.count = count
        self.views = [
            {name: torch.empty((count, CHANNELS[name], side, side), dtype=torch.float32) for name in modalities}
            for _ in range(views)
        ]
        self.available = {name: torch.zeros(count, dtype=torch.bool) for name in modalities}
        self._arrays = [{name: tensor.numpy() for name, tensor in view.items()} for view in self.views]
        self._there = {name: tensor.numpy() for name, tensor in self.available.items()}

    def fill(self, place: int, images: Mapping[str, np.ndarray], write: Write) -> None:
        """Let `write` put the images of one sample (by modality) into each of its views."""
        for name, there in self._there.items():
            there[place] = name in images
            if name not in images:
                for view in self._arrays:
                    view[name][place] = 0
        for view in self._arrays if images else ():
            write(images, out={name: view[name][place] for name in images})


Part = tuple[Room, int, int]  # places from, to (exclusive)


def joined(parts: Sequence[Part]) -> tuple[list[dict[str, Tensor]], dict[str, Tensor]]:
    """Return the views and the availability of places one after the other; nothing is copied if they are one room."""
    room, begin = parts[0][:2]
    ends = [stop for _, _, stop in parts]
    if all(part[0] is room for part in parts) and [begin, *ends[:-1]] == [start for _, start, _ in parts]:
        if (begin, ends[-1]) == (0, room.count):
            return room.views, room.available
        parts = [(room, begin, ends[-1])]

    def join(tensors: Sequence[Tensor]) -> Tensor:
        pieces = [tensor[start:stop] for tensor, (_, start, stop) in zip(tensors, parts, strict=True)]
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces)

    rooms = [part[0] for part in parts]
    views = [
        {name: join([one.views[v][name] for one in rooms]) for name in room.views[v]} for v in range(len(room.views))
    ]
    return views, {name: join([one.available[name] for one in rooms]) for name in room.available}
