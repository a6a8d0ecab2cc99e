"""Portable grey and colour maps (PGM, PPM), as depth cameras' tools write them: 16 bits are read as they stand."""

from __future__ import annotations

import re

import numpy as np

from fasdata.media.frame import MAX_PIXELS, UnreadableMedia

_COMMENT = rb"(?:\s|#[^\n\r]*[\n\r])+"
_HEADER = re.compile(rb"P([2356])%b(\d{1,9})%b(\d{1,9})%b(\d{1,9})\s" % (_COMMENT, _COMMENT, _COMMENT))
START = (b"P2", b"P3", b"P5", b"P6")


def size_of(data: bytes) -> tuple[int, int]:
    """Return width and height that a header states.

    Raises:
        UnreadableMedia: it is no such header.
    """
    return _header(data)[1:3]


def read_netpbm(data: bytes) -> np.ndarray:
    """Return the values of a picture, (h, w) or (h, w, 3), uint8 or (greatest value over 255) uint16; none is scaled.

    Raises:
        UnreadableMedia: it is no such picture, too large, or ends before its last pixel.
    """
    kind, width, height, most, start = _header(data)
    if width * height > MAX_PIXELS:
        raise UnreadableMedia(f"{width}x{height} pixels, more than the limit of {MAX_PIXELS}")
    channels = 3 if kind in (3, 6) else 1
    count, deep = width * height * channels, most > 255
    body = memoryview(data)[start:]
    if kind in (5, 6):
        if len(body) < count * (1 + deep):
            raise UnreadableMedia("the picture ends before its last pixel")
        values = np.frombuffer(body, ">u2" if deep else np.uint8, count)
    else:
        words = re.sub(rb"#[^\n\r]*", b"", bytes(body)).split(None, count)[:count]
        if len(words) < count or not all(word.isdigit() and len(word) <= 5 for word in words):
            raise UnreadableMedia("the picture ends before its last pixel")
        values = np.array([int(word) for word in words], np.int64)
    if count and int(values.max()) > most:
        raise UnreadableMedia(f"values above the greatest of {most} that the header states")
    pixels = values.astype(np.uint16 if deep else np.uint8)
    return pixels.reshape((height, width, 3) if channels == 3 else (height, width))


def as_colour(pixels: np.ndarray, most: int) -> np.ndarray:
    """Return the values as 8 bits a channel in three channels; `most` is the greatest value there can be."""
    eight = pixels if most == 255 else np.round(pixels.astype(np.float32) * (255 / most)).astype(np.uint8)
    return np.repeat(eight[:, :, None], 3, axis=2) if eight.ndim == 2 else eight


def greatest(data: bytes) -> int:
    """Return the greatest value that a header allows."""
    return _header(data)[3]


def _header(data: bytes) -> tuple[int, int, int, int, int]:
    match = _HEADER.match(data)
    if not match:
        raise UnreadableMedia("the header of a PGM or PPM is not complete")
    kind, width, height, most = map(int, match.groups())
    if not (width and height and 0 < most < 65536):
        raise UnreadableMedia(f"a header of {width}x{height} pixels up to {most}")
    return kind, width, height, most, match.end()
