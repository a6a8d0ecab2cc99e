"""The keys of a store: plain text, the same on every operating system."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fasdata.records import ClipRecord

CLIP = b"clip/"
CROP = b"crop/"
CROP_KEY = re.compile(r"crop/(?P<clip_id>[^/\x00]{1,200})/(?P<frame>\d{6,9})/(?P<modality>rgb|depth|ir)")


def clip_key(clip_id: str) -> bytes:
    """Return the key of a clip's record."""
    return CLIP + clip_id.encode()


def crop_prefix(clip_id: str) -> bytes:
    """Return what the keys of all of a clip's crops begin with."""
    return CROP + clip_id.encode() + b"/"


def crop_place(key: str) -> tuple[int, str]:
    """Return frame index and modality of a crop's key."""
    _, _, frame, modality = key.split("/")
    return int(frame), modality


def crop_key(clip_id: str, frame_index: int, modality: str = "rgb") -> str:
    """Return the key of one crop as text, as manifests carry it."""
    return f"crop/{clip_id}/{frame_index:06d}/{modality}"


def crop_keys(record: ClipRecord) -> Iterator[str]:
    """Yield the keys of all crops that a record says are stored."""
    for frame in record.frames:
        for modality in frame.crop.modalities if frame.crop else ():
            yield crop_key(record.clip.clip_id, frame.index, modality)
