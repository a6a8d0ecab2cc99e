"""Pixels as they are, behind a header that says their size: for packs, where reading must cost nothing."""

from __future__ import annotations

import struct

import numpy as np

_MAGIC = b"\x89FASRAW1"
_HEADER = struct.Struct("<8sIIBB6x")  # magic, height, width, channels (1 or 3), bytes a value (1 or 2); 24 bytes
_TYPES: dict[int, str] = {1: "<u1", 2: "<u2"}


def encode(image: np.ndarray) -> bytes:
    """Return header and pixels of uint8 (h, w, 3), or of uint8 or uint16 (h, w)."""
    size, channels = image.dtype.itemsize, 3 if image.ndim == 3 else 1
    header = _HEADER.pack(_MAGIC, image.shape[0], image.shape[1], channels, size)
    return header + np.ascontiguousarray(image, _TYPES[size]).tobytes()


def is_raw(data: bytes) -> bool:
    """Tell whether the bytes begin as `encode` begins."""
    return data[: len(_MAGIC)] == _MAGIC


def decode(data: bytes, max_pixels: int) -> np.ndarray:
    """Return the image, in memory of its own.

    Raises:
        ValueError: the header is not one that `encode` makes, or does not fit the bytes behind it.
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
