"""The size that an encoded image claims in its first bytes, and the raw form of pixels."""

from __future__ import annotations

import struct

import numpy as np

# -- The claimed size, read before any decoder sees the bytes ---------------------------------------------------------


_PNG = b"\x89PNG\r\n\x1a\n"
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # JPEG's start-of-frame markers
_ALONE = frozenset((0x01, *range(0xD0, 0xD8)))  # markers without a length
# The most pixels a byte can stand for: deflate shrinks 1032 times at best, a baseline JPEG block needs two bits.
_PNG_DENSEST, _JPEG_DENSEST, _SMALL = 1040, 256, 1 << 16


def claimed(data: bytes) -> tuple[int, int]:
    """Return (width, height) of a PNG, a JPEG or a lossless WebP.

    Raises:
        ValueError: none of these, cut off within its header, or a size that so few bytes cannot hold. Other formats
            are refused unread, so that fewer decoders see bytes of unknown origin.
    """
    most = float("inf")  # one colour of any size is a WebP of 30 bytes
    try:
        if data[:8] == _PNG and data[12:16] == b"IHDR":
            width, height = struct.unpack_from(">II", data, 16)
            most = _PNG_DENSEST * len(data) + _SMALL
        elif data[:3] == b"\xff\xd8\xff":
            width, height = _jpeg(data)
            most = _JPEG_DENSEST * len(data) + _SMALL
        elif data[:4] == b"RIFF" and data[8:16] == b"WEBPVP8L" and data[20] == 0x2F:
            (bits,) = struct.unpack_from("<I", data, 21)
            width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        else:
            raise ValueError("the stored bytes are no image")
    except (struct.error, IndexError):
        raise ValueError("the stored bytes end within the header of an image") from None
    if width * height > most:
        raise ValueError(f"the stored bytes claim {width}x{height} pixels, which {len(data)} bytes cannot hold")
    return width, height


def is_colour_png(data: bytes) -> bool:
    """Tell whether the bytes begin like a PNG of three channels of 8 bits."""
    return data[:8] == _PNG and data[24:26] == b"\x08\x02"


def _jpeg(data: bytes) -> tuple[int, int]:
    at = 2
    while True:
        if data[at] != 0xFF:
            raise ValueError("the stored bytes are no image")
        while data[at] == 0xFF:
            at += 1
        marker = data[at]
        at += 1
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 3)
            return width, height
        if marker not in _ALONE:
            (length,) = struct.unpack_from(">H", data, at)
            at += max(length, 2)


# -- Raw pixels behind a header with their size: for packs, which are read without decoding ---------------------------


_MAGIC = b"\x89FASRAW1"
_HEADER = struct.Struct("<8sIIBB6x")  # magic, height, width, channels (1 or 3), bytes a value (1 or 2); 24 bytes
_TYPES: dict[int, str] = {1: "<u1", 2: "<u2"}


def encode_raw(image: np.ndarray) -> bytes:
    """Return header and pixels of an image: uint8 (h, w, 3), or uint8 or uint16 (h, w)."""
    size, channels = image.dtype.itemsize, 3 if image.ndim == 3 else 1
    header = _HEADER.pack(_MAGIC, image.shape[0], image.shape[1], channels, size)
    return header + np.ascontiguousarray(image, _TYPES[size]).tobytes()


def is_raw(data: bytes) -> bool:
    """Tell whether the bytes begin as those of `encode_raw` do."""
    return data[: len(_MAGIC)] == _MAGIC


def decode_raw(data: bytes, max_pixels: int) -> np.ndarray:
    """Return the image, in memory of its own.

    Raises:
        ValueError: the header is not one that `encode_raw` makes, or does not fit the bytes behind it.
    """
    if len(data) < _HEADER.size:
        raise ValueError("the stored bytes end within their header")
    magic, height, width, channels, size = _HEADER.unpack_from(data)
    if magic != _MAGIC or (channels, size) not in ((1, 1), (1, 2), (3, 1)):
        raise ValueError(f"the stored bytes claim {channels} channels of {size} bytes")
    if not 0 < height * width <= max_pixels:
        raise ValueError(f"the stored bytes claim {width}x{height} pixels")
    if len(data) != _HEADER.size + height * width * channels * size:
        raise ValueError(f"the stored bytes claim {width}x{height} pixels, and are not as many")
    pixels = np.frombuffer(data, _TYPES[size], offset=_HEADER.size)
    return pixels.reshape((height, width, 3) if channels == 3 else (height, width)).copy()
