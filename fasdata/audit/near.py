"""Find near-duplicates: clips of two parts that show almost the same pictures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fasdata.audit.findings import Finding
from fasdata.records import ClipRecord

if TYPE_CHECKING:
    from fasdata.store.reader import Store


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
    if not pairs:
        return []
    examples = [
        f"{clips[a].name} ({clips[a].part}) and {clips[b].name} ({clips[b].part}) on {frames} frames"
        for (a, b), frames in sorted(pairs.items(), key=lambda item: (-item[1], item[0]))[:3]
    ]
    return [Finding("near-duplicates", "warning", len(pairs), "pairs of clips in two parts", tuple(examples))]


def near_pairs(clips: Sequence[ClipHashes]) -> dict[tuple[int, int], int]:
    """Return the pairs of indices into `clips` that are near-duplicates, with the number of near frames."""
    owner = np.repeat(np.arange(len(clips)), [len(clip.hashes) for clip in clips])
    hashes = np.array([value for clip in clips for value in clip.hashes], np.uint64)
    codes = {part: number for number, part in enumerate(dict.fromkeys(clip.part for clip in clips))}
    part = np.array([codes[clip.part] for clip in clips], np.int16)[owner] if len(owner) else np.empty(0, np.int16)
    touching: defaultdict[tuple[int, int], tuple[set[int], set[int]]] = defaultdict(lambda: (set(), set()))
    for first, second in _candidates(hashes):
        near = (part[first] != part[second]) & (np.bitwise_count(hashes[first] ^ hashes[second]) <= NEAR)
        for a, b in zip(first[near].tolist(), second[near].tolist(), strict=True):
            low, high = (a, b) if owner[a] < owner[b] else (b, a)
            frames = touching[int(owner[low]), int(owner[high])]
            frames[0].add(low)
            frames[1].add(high)
    pairs = {}
    for (a, b), (of_a, of_b) in touching.items():
        near_frames = min(len(of_a), len(of_b))
        if near_frames >= min(FRAMES, len(clips[a].hashes), len(clips[b].hashes)):
            pairs[a, b] = near_frames
    return pairs


def _candidates(hashes: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield pairs of indices whose hashes agree in one band; they include all pairs at most 4 bits apart."""
    for shift, width in _BANDS:
        band = (hashes >> np.uint64(shift)) & np.uint64(2**width - 1)
        order = np.argsort(band, kind="stable")
        ordered = band[order]
        for step in range(1, min(len(order), _MOST)):
            equal = ordered[step:] == ordered[:-step]
            if not equal.any():
                break
            yield order[:-step][equal], order[step:][equal]
