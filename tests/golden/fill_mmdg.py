"""The formula that stands for the weights, inputs and draws of MMDG's golden set."""

from __future__ import annotations

import json
import math
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fastrain.methods.mmdg.adapters import SAMPLES

DROPPED, ADAPTER_DROPOUT = 0.3, 0.2
MODALITIES = ("rgb", "depth", "ir")
TOKENS = 197


class Fill:
    """Numbers made from names: the same name and salt give the same float64 array on any machine."""

    def __init__(self, salt: str) -> None:
        self.salt = salt
        self.counts: dict[tuple[str, int], Tensor] = {}

    @classmethod
    def of(cls, folder: Path) -> Fill:
        return cls(str(json.loads((folder / "fill.json").read_text())["salt"]))

    def u(self, name: str, *shape: int) -> np.ndarray:
        h = np.arange(math.prod(shape), dtype=np.uint32)
        h *= np.uint32(2654435761)
        h += np.uint32(zlib.crc32((self.salt + name).encode()))
        for shift, factor in ((15, 2246822519), (13, 3266489917)):
            h ^= h >> np.uint32(shift)
            h *= np.uint32(factor)
        h ^= h >> np.uint32(16)
        return (h / 2.0**32).reshape(shape)

    def signed(self, name: str, *shape: int) -> Tensor:
        return torch.from_numpy(2 * self.u(name, *shape) - 1)

    def weight(self, key: str, shape: tuple[int, ...], prefix: str = "") -> Tensor:
        """Return the state-dict entry `key` (the published name)."""
        values = self.signed(prefix + key, *shape)
        if len(shape) > 1:
            return values * math.sqrt(3 / math.prod(shape[1:]))
        return 1 + 0.1 * values if key.endswith(".weight") else 0.05 * values

    def image(self, name: str, count: int, channels: int = 3, side: int = 224) -> Tensor:
        """Return images in [0, 1]."""
        fine = self.u(f"img:{name}", count, channels, side, side)
        coarse = self.u(f"blk:{name}", count, channels, side // 8, side // 8)
        return torch.from_numpy(0.5 * fine + 0.5 * coarse.repeat(8, axis=2).repeat(8, axis=3))

    def triple(self, name: str, count: int) -> dict[str, Tensor]:
        """Return the images of a sample by modality."""
        return {modality: self.image(f"{name}/{modality}", count) for modality in MODALITIES}


class FilledChance:
    """The draws of one forward pass, in the network's place of chance."""

    def __init__(self, fill: Fill, tag: str) -> None:
        self.fill, self.tag = fill, tag

    def kept(self, block: int, shape: torch.Size, like: Tensor) -> Tensor:
        """Return the counts; of the last block the network asks for the class token alone."""
        modalities, count, tokens, width = shape
        if (self.tag, block) not in self.fill.counts:
            counts = np.zeros((modalities, count, TOKENS, width), np.int32)
            for m in range(modalities):
                for j in range(SAMPLES):
                    counts[m] += self.fill.u(f"mc:{self.tag}/m{m + 1}/l{block}/s{j}", *counts.shape[1:]) >= DROPPED
            self.fill.counts[self.tag, block] = torch.from_numpy(counts)
        return self.fill.counts[self.tag, block][:, :, :tokens]

    def dropped(self, adapter: str, block: int, hidden: Tensor, rate: float) -> Tensor:
        """Drop as in training; the network asks for the class token alone in the last block."""
        receiver, source = (MODALITIES.index(name) + 1 for name in adapter.split("_from_"))
        count, tokens, width = hidden.shape
        kept = self.fill.u(f"ad:{self.tag}/adapter_{receiver}_{source}_2.{block}", count, TOKENS, width)
        kept = kept[:, :tokens] >= ADAPTER_DROPOUT
        return hidden * torch.from_numpy(kept) / (1 - ADAPTER_DROPOUT)


def summary(values: Tensor) -> list[float]:
    """Return the sum, the L2 norm, and the sum of v_i cos(0.3 i) of a tensor."""
    flat = values.detach().double().reshape(-1)
    waves = torch.cos(0.3 * torch.arange(len(flat), dtype=torch.float64))
    return [float(flat.sum()), float(flat.norm()), float((flat * waves).sum())]
