"""The formula that stands for stored weights and images in the golden set of ME-FAS."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor


class FillMEFAS:
    """Numbers made from names: the same name and seed give the same array on any machine."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def hash32(self, name: str, n: int) -> np.ndarray:
        """Return `n` unsigned 32-bit numbers."""
        start = (zlib.crc32(name.encode()) + 0x9E3779B9 * self.seed) % 2**32
        h = np.arange(n, dtype=np.uint32)
        h += np.uint32(start)
        h ^= h >> np.uint32(16)
        h *= np.uint32(0x85EBCA6B)
        h ^= h >> np.uint32(13)
        h *= np.uint32(0xC2B2AE35)
        h ^= h >> np.uint32(16)
        return h

    def u01(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        return ((self.hash32(name, math.prod(shape)) + 0.5) / 2.0**32).reshape(shape)

    def z(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """Return numbers of mean 0 and variance 1."""
        return (self.u01(name, shape) - 0.5) * math.sqrt(12)

    def perm(self, name: str, n: int) -> np.ndarray:
        return np.argsort(self.hash32(name, n), kind="stable")

    def image(self, name: str, shape: tuple[int, ...]) -> Tensor:
        return torch.from_numpy(self.z(name, shape)).float()

    def tensor(self, key: str, shape: tuple[int, ...]) -> np.ndarray:
        """Return the array of the published state-dict entry `key`."""
        if key.endswith("num_batches_tracked"):
            return np.zeros(shape, np.int64)
        if key.endswith("logit_scale"):
            return np.array(math.log(1 / 0.07))
        if key.endswith("running_var"):
            return 0.8 + 0.4 * self.u01(key, shape)
        if key.endswith(("running_mean", "class_embedding", "positional_embedding", "token_embedding.weight")):
            return 0.05 * self.z(key, shape)
        if len(shape) == 1:
            return 1 + 0.1 * self.z(key, shape) if key.endswith("weight") else 0.02 * self.z(key, shape)
        rows = key.endswith(("visual.proj", "text_projection", "text_projection_image"))
        return self.z(key, shape) / math.sqrt(shape[0] if rows else math.prod(shape[1:]))

    def state(self, shapes: Iterable[tuple[str, tuple[int, ...]]]) -> dict[str, Tensor]:
        """Return the published state with entries of these names and shapes."""
        filled = {key: torch.from_numpy(self.tensor(key, shape)) for key, shape in shapes}
        return {key: value.float() if value.is_floating_point() else value for key, value in filled.items()}


class FillDraws:
    """The draws of a forward pass, in the place of a generator's."""

    def __init__(self, fill: FillMEFAS, dtype: torch.dtype = torch.float32) -> None:
        self.fill = fill
        self.dtype = dtype

    def deep_prompt(self, number: int, shape: tuple[int, int]) -> Tensor:
        return torch.from_numpy(0.02 * self.fill.z(f"deep_prompt.{number}", shape)).float().to(self.dtype)

    def permutation(self, layer: int, image: int, n: int) -> Tensor:
        return torch.from_numpy(self.fill.perm(f"randperm.{layer}.{image}", n))
