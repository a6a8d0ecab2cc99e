"""What two stores are compared by: hashes of pixels, of records, and of everything."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from fasdata.records import ClipRecord
from fasdata.store import keys
from fasdata.store.info import canonical_json
from fasdata.store.record_bytes import to_bytes


def pixel_hash(crops: Mapping[str, str]) -> str:
    """Return the hash over a clip's crops (key text to sha256 of the bytes) by frame and modality, "" of none.

    The clip's name is left out, so that a copied recording keeps its hash.
    """
    placed = sorted((keys.crop_place(key), digest) for key, digest in crops.items())
    return hashlib.sha256(canonical_json(placed).encode()).hexdigest() if placed else ""


def content_hash(record: ClipRecord) -> str:
    """Return the sha256 over a clip's record, its pixel hash included: equal content, equal hash, in any shard."""
    return hashlib.sha256(to_bytes(replace(record, content_hash=""))).hexdigest()


def sealed(record: ClipRecord, crops: Mapping[str, str]) -> ClipRecord:
    """Return the record with both hashes, given the sha256 of each of its crops by key text."""
    record = replace(record, pixel_hash=pixel_hash(crops))
    return replace(record, content_hash=content_hash(record))


def digest(data: bytes) -> str:
    """Return the sha256 of some bytes."""
    return hashlib.sha256(data).hexdigest()


def store_hash(fingerprint: str, clips: Mapping[str, str]) -> str:
    """Return the sha256 over a store's fingerprint and its clips' content hashes by clip id, in any order."""
    whole = hashlib.sha256(fingerprint.encode())
    for clip_id, content in sorted(clips.items()):
        whole.update(f"{clip_id}:{content}\n".encode())
    return whole.hexdigest()
