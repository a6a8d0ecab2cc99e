"""Hashes by which stores and pictures are compared: of pixels, of records, of a store, and the perceptual hash."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from fasdata.records import OBSERVED, ClipRecord, FrameRecord
from fasdata.store import keys
from fasdata.store.info import canonical_json
from fasdata.store.record_bytes import to_bytes


def pixel_hash(crops: Mapping[str, str]) -> str:
    """Return the hash over a clip's crops (key text to sha256 of the bytes) by frame and modality, "" without crops.

    The clip's name is left out, so that a copied recording keeps its hash.
    """
    placed = sorted((keys.crop_place(key), digest) for key, digest in crops.items())
    return hashlib.sha256(canonical_json(placed).encode()).hexdigest() if placed else ""


def content_hash(record: ClipRecord) -> str:
    """Return the sha256 over a clip's record, its pixel hash included: equal content, equal hash, in any shard."""
    return hashlib.sha256(to_bytes(replace(record, content_hash=""), hashed=True)).hexdigest()


def sealed(record: ClipRecord, crops: Mapping[str, str]) -> ClipRecord:
    """Return the record with both hashes, given the sha256 of each of its crops by key text."""
    record = replace(record, pixel_hash=pixel_hash(crops))
    return replace(record, content_hash=content_hash(record))


def digest(data: bytes) -> str:
    """Return the sha256 of some bytes."""
    return hashlib.sha256(data).hexdigest()


def frame_content(frame: FrameRecord) -> bytes | None:
    """Return the sha256 of where a face was found on a frame, and how sharp and bright; None where that is not known.

    Copies of a recording that two stores hold differently share it (`fasdata.manifests.leakage.contents_of`).
    """
    if frame.sharpness is None or not frame.landmarks or frame.status not in OBSERVED:
        return None
    text = f"{frame.index} {frame.box} {frame.landmarks} {frame.sharpness} {frame.brightness}"
    return hashlib.sha256(text.encode()).digest()


def store_hash(fingerprint: str, clips: Mapping[str, str]) -> str:
    """Return the sha256 over a store's fingerprint and its clips' content hashes by clip id, in any order."""
    total = hashlib.sha256(fingerprint.encode())
    for clip_id, content in sorted(clips.items()):
        total.update(f"{clip_id}:{content}\n".encode())
    return total.hexdigest()


# -- The perceptual hash: similar pictures have hashes that differ in few bits ----------------------------------------


_SIDE = 32
_KEPT = 8

# Rows of the cosine transform (type II): frequency k at the centres of 32 equal pieces.
_COSINES = np.cos(np.pi / _SIDE * np.arange(_KEPT + 1)[:, None] * (np.arange(_SIDE)[None, :] + 0.5))


def perceptual_hash(image: np.ndarray) -> str:
    """Return the 64-bit hash of an image (RGB or one channel) as 16 hex digits.

    The luma is averaged down to 32x32; of its two-dimensional cosine transform the 64 coefficients of vertical
    frequency 0-7 and horizontal frequency 1-8 are compared with their median, larger = 1, row by row, the first in
    the highest bit. The number of differing bits of two hashes tells how unlike two pictures are: size, compression
    and brightness change few of them.
    """
    import cv2

    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if image.ndim == 3 else image
    small = cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float64)
    low = _COSINES[:_KEPT] @ small @ _COSINES[1:].T
    bits = low > np.median(low)
    return np.packbits(bits).tobytes().hex()
