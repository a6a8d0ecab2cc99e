"""The short way of images that become numbers as they are, or mirrored: pieces of a batch at a time.

It gives what `fastrain.data.transforms` gives, for a tenth of the words an image: what a thread does in Python, no
other thread can do meanwhile, and that decides how many threads are of use.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

from fasdata.records import MODALITIES
from fastrain.augmentation import AugmentConfig

if TYPE_CHECKING:
    from fastrain.data.images import Images

_FULL = np.float32(255)
_own = threading.local()
_SHAPES = 8  # numbers of images that a thread keeps memory for
# The only step, and what decides nothing about 8 bits where no step that reads it is on.
_LEFT = ("horizontal_flip", "shared_geometry", "interpolation", "depth_divisor", "rotate_first")


class Memory(Protocol):
    """What is filled: `fastrain.data.batches.BatchMemory`."""

    def view(self, name: str) -> np.ndarray:
        """Return the images of a modality in the first view, float32 (count,C,side,side), to be written into."""

    def mark(self, name: str, start: int, stop: int) -> None:
        """Note that samples `start` to `stop` have a modality."""


def only_mirrors(config: AugmentConfig) -> bool:
    """Return whether the random steps of a configuration can do no more than mirror an image."""
    return config == AugmentConfig().model_copy(update={name: getattr(config, name) for name in _LEFT})


def only_converts(config: AugmentConfig) -> bool:
    """Return whether a configuration, without its random steps, leaves 8-bit images as they are."""
    return not config.resize


def mirrored(
    config: AugmentConfig, modalities: Sequence[str], generators: Iterable[np.random.Generator]
) -> dict[str, Sequence[bool]]:
    """Return which images are mirrored, by modality; a sample's draws are those of `Geometry.draw`."""
    share = config.horizontal_flip
    if config.shared_geometry:
        alike = [rng.random() < share for rng in generators]
        return dict.fromkeys(modalities, alike)
    ordered = [name for name in MODALITIES if name in modalities]
    drawn = [[rng.random() < share for _ in ordered] for rng in generators]
    return {name: [of_sample[number] for of_sample in drawn] for number, name in enumerate(ordered)}


def fill(
    images: Images, memory: Memory, start: int, members: Sequence[int], turned: Mapping[str, Sequence[bool]]
) -> bool:
    """Write the images of some samples into one view of a memory, from place `start` on; return whether that is all.

    Where a sample lacks a modality, or an image has other bits or another size, nothing is decided: the way through
    `fastrain.data.transforms` writes or refuses it.
    """
    if not all(images.samples.available[name][members].all() for name in images.modalities):
        return False
    stop = start + len(members)
    for name in images.modalities:
        target = memory.view(name)[start:stop]
        count, channels, height, width = target.shape
        block, planes = _stage(name, target.shape)
        if not images.read_into(members, name, block):
            return False
        for image, mirror in zip(block, turned[name], strict=True):
            if mirror:
                cv2.flip(image, 1, image)
        if channels > 1:  # one picture above the other, so that all are taken apart by one call
            cv2.split(block.reshape(count * height, width, channels), list(planes))
        else:
            planes = block
        apart = planes.reshape(channels, count, height, width).transpose(1, 0, 2, 3)
        np.divide(apart, _FULL, out=target)
        memory.mark(name, start, stop)
    return True


def _stage(name: str, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return this thread's own memory for images (N,H,W) or (N,H,W,3), and for their planes (C,N*H,W)."""
    kept = _own.__dict__.setdefault(name, {})
    if shape not in kept:
        if len(kept) > _SHAPES:
            kept.clear()
        count, channels, height, width = shape
        block = np.empty((count, height, width, *((channels,) if channels > 1 else ())), np.uint8)
        kept[shape] = (block, np.empty((channels, count * height, width), np.uint8) if channels > 1 else block)
    block, planes = kept[shape]
    return block, planes
