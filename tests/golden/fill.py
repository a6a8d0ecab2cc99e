"""The formula that stands for stored weights and images in the golden sets, and how a large tensor is summed up."""

from __future__ import annotations

import math
import zlib

import numpy as np


class Fill:
    """Numbers made from names: the same name and salt give the same float64 array on any machine."""

    def __init__(self, salt: str) -> None:
        self.salt = salt

    def u(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """Return numbers in [0,1) by unsigned 32-bit arithmetic, in C order."""
        h = np.arange(math.prod(shape), dtype=np.uint32)
        h *= np.uint32(2654435761)
        h += np.uint32(zlib.crc32((self.salt + name).encode()))
        h ^= h >> np.uint32(15)
        h *= np.uint32(2246822519)
        h ^= h >> np.uint32(13)
        h *= np.uint32(3266489917)
        h ^= h >> np.uint32(16)
        return (h / 2.0**32).reshape(shape)

    def tensor(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """Return the array of the state-dict entry `name` (prefix included)."""
        if name.endswith("num_batches_tracked"):
            return np.zeros(shape, np.int64)
        s = 2 * self.u(name, shape) - 1
        if len(shape) >= 2:
            return s * math.sqrt(3 / math.prod(shape[1:]))
        if name.endswith("running_var"):
            return 1 + 0.5 * s
        return 1 + 0.1 * s if name.endswith(".weight") else 0.05 * s

    def image(self, name: str, shape: tuple[int, int, int, int]) -> np.ndarray:
        """Return images (N,C,H,W) in [0,1): half fine noise, half blocks of 8x8."""
        n, c, height, width = shape
        blocks = self.u("blk:" + name, (n, c, -(-height // 8), -(-width // 8)))
        blocks = blocks.repeat(8, axis=2).repeat(8, axis=3)[:, :, :height, :width]
        return 0.5 * self.u("img:" + name, shape) + 0.5 * blocks


def summary(values: np.ndarray) -> np.ndarray:
    """Return sum, L2 norm and the sum weighted by cos(0.3 i) of the flattened values."""
    v = np.asarray(values, np.float64).ravel()
    return np.array([v.sum(), np.linalg.norm(v), v @ _cosines(v.size)])


_COSINES = np.empty(0)


def _cosines(n: int) -> np.ndarray:
    global _COSINES
    if _COSINES.size < n:
        _COSINES = np.cos(0.3 * np.arange(n))
    return _COSINES[:n]
