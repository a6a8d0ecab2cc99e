"""Perceptual hashes of a clip's frames: as stored at extraction, else from the stored crops."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fasdata.records import ClipRecord

if TYPE_CHECKING:
    from fasdata.store.reader import Store

_SAYS_NOTHING = {0, 2**64 - 1}  # of an even picture


def frame_hashes(record: ClipRecord, store: Store) -> tuple[int, ...]:
    """Return the 64-bit hashes of the clip's stored colour frames; dark and even pictures are left out."""
    hashes = []
    for frame in record.frames:
        if frame.crop is None or frame.dark or "rgb" not in frame.crop.modalities:
            continue
        text = frame.phash or _from_crop(record, frame.index, store)
        if int(text, 16) not in _SAYS_NOTHING:
            hashes.append(int(text, 16))
    return tuple(hashes)


def _from_crop(record: ClipRecord, index: int, store: Store) -> str:
    from fasdata.faces.phash import perceptual_hash

    return perceptual_hash(store.crop(record.clip.clip_id, index))
