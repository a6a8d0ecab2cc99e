"""Find near-duplicates: clips of two parts that show almost the same pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fasdata.audit.findings import Finding
from fasdata.records import ClipRecord

if TYPE_CHECKING:
    from fasdata.store.reader import Store

Whole: TypeAlias = NDArray[np.int64]

# -- Perceptual hashes of the frames of a clip ------------------------------------------------------------------------

_UNIFORM = {0, 2**64 - 1}  # hashes of a picture without structure


def frame_hashes(record: ClipRecord, store: Store) -> tuple[int, ...]:
    """Return the 64-bit hashes of a clip's stored colour frames; dark and uniform pictures are left out."""
    hashes = []
    for frame in record.frames:
        if frame.crop is None or frame.dark or "rgb" not in frame.crop.modalities:
            continue
        text = frame.phash or _hash_of_crop(record, frame.index, store)
        if int(text, 16) not in _UNIFORM:
            hashes.append(int(text, 16))
    return tuple(hashes)


def _hash_of_crop(record: ClipRecord, index: int, store: Store) -> str:
    from fasdata.store.hashes import perceptual_hash

    return perceptual_hash(store.crop(record.clip.clip_id, index))


# -- Pairs of similar clips -------------------------------------------------------------------------------------------

NEAR = 4  # at most so many of 64 bits differ
FRAMES = 3  # at least so many frames of a pair of clips are near; of a clip with fewer frames all
_BANDS = (
    (0, 13),
    (13, 13),
    (26, 13),
    (39, 13),
    (52, 12),
)  # first bit and width; with 4 differing bits one of 5 bands is equal
_MOST = 4096  # at most so many hashes with an equal band are compared with each other


@dataclass(frozen=True)
class ClipHashes:
    """The name of a clip, its part, and the hashes of its frames."""

    name: str
    part: str
    hashes: tuple[int, ...]


def near_duplicates(clips: Sequence[ClipHashes]) -> list[Finding]:
    """Return a warning about pairs of clips in two parts of which at least 3 frames are at most 4 bits apart.

    A clip with fewer frames counts when all of its frames are near.
    """
    pairs = near_pairs(clips)
    if not len(pairs):
        return []
    examples = [
        f"{clips[a].name} ({clips[a].part}) and {clips[b].name} ({clips[b].part}) on {frames} frames"
        for a, b, frames in pairs[:3].tolist()
    ]
    return [Finding("near-duplicates", "warning", len(pairs), "pairs of clips in two parts", tuple(examples))]


def near_pairs(clips: Sequence[ClipHashes]) -> Whole:
    """Return the near-duplicates (pairs, 3): indices into `clips`, the lower one first, and the number of near frames.

    Those with most near frames come first, then by index.
    """
    sizes = np.array([len(clip.hashes) for clip in clips], np.int64)
    owner = np.repeat(np.arange(len(clips)), sizes)
    hashes = np.array([value for clip in clips for value in clip.hashes], np.uint64)
    codes = {part: number for number, part in enumerate(dict.fromkeys(clip.part for clip in clips))}
    part = np.array([codes[clip.part] for clip in clips], np.int64)[owner]
    first, second = _near_frames(hashes, part)
    pairs, of_pair = np.unique(owner[first] * len(clips) + owner[second], return_inverse=True)
    near = np.minimum(*(_distinct(of_pair, frames, len(pairs)) for frames in (first, second)))
    a, b = np.divmod(pairs, max(1, len(clips)))
    enough = near >= np.minimum(FRAMES, np.minimum(sizes[a], sizes[b]))
    table = np.stack([a, b, near], axis=1)[enough]
    return table[np.argsort(-table[:, 2], kind="stable")]


def _distinct(of_pair: Whole, frames: Whole, pairs: int) -> Whole:
    """Return how many different frames each pair of clips has: a still that repeats counts once."""
    order = np.lexsort((frames, of_pair))
    pair, frame = of_pair[order], frames[order]
    new = np.ones(len(order), bool)
    new[1:] = (pair[1:] != pair[:-1]) | (frame[1:] != frame[:-1])
    return np.bincount(pair[new], minlength=pairs)


def _near_frames(hashes: NDArray[np.uint64], part: Whole) -> tuple[Whole, Whole]:
    """Return the pairs of frames of two parts that are at most 4 bits apart, once each, the lower index first.

    Such a pair agrees in a band. Of very many hashes that agree in a band, those next to each other are compared.
    """
    bands = [(hashes >> np.uint64(shift)) & np.uint64(2**width - 1) for shift, width in _BANDS]
    orders = [np.argsort(band, kind="stable") for band in bands]
    ranks = [np.argsort(order) for order in orders]
    collected = [np.empty((2, 0), np.int64)]
    for place, order in enumerate(orders):
        near = _near_places(bands[place][order], hashes[order], part[order])
        for a, b in ((order[places], order[places + step]) for places, step in near):
            new = np.ones(len(a), bool)
            for band, rank in zip(bands[:place], ranks[:place], strict=True):  # where they may have been met before
                new &= (band[a] != band[b]) | (np.abs(rank[a] - rank[b]) >= _MOST)
            collected.append(np.stack([np.minimum(a, b), np.maximum(a, b)])[:, new])
    first, second = np.concatenate(collected, axis=1)
    return first, second


def _near_places(band: NDArray[np.uint64], hashes: NDArray[np.uint64], part: Whole) -> Iterator[tuple[Whole, int]]:
    """Yield the places of near frames of two parts with the step to their partners, all sorted by `band`."""
    places = np.arange(len(band))
    for step in range(1, min(len(band), _MOST)):
        places = places[: np.searchsorted(places, len(band) - step)]
        places = places[band[places + step] == band[places]]
        if not places.size:
            break
        near = np.bitwise_count(hashes[places] ^ hashes[places + step]) <= NEAR
        near &= part[places] != part[places + step]
        if near.any():
            yield places[near], step
