"""A perceptual hash: pictures that look alike get hashes that differ in few bits."""

from __future__ import annotations

import numpy as np

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
