"""The formula that stands for the weights and inputs of MMDGFAS' golden set, and its network in the published form."""

from __future__ import annotations

import json
import math
import re
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

MODULES = r"(color|depth|ir)_module\."
TWICE = {f"encoder.layer{n}.": f"conv{n + 1}." for n in range(5)}


class Fill:
    """Numbers made from names: the same name and seed give the same float64 array on any machine."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    @classmethod
    def of(cls, folder: Path) -> Fill:
        return cls(int(json.loads((folder / "fill.json").read_text())["seed"]))

    def u01(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        return ((self._hash(name, math.prod(shape)) + 0.5) / 2.0**32).reshape(shape)

    def z(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        return (self.u01(name, shape) - 0.5) * math.sqrt(12)

    def tensor(self, name: str, shape: tuple[int, ...]) -> Tensor:
        """Return the state-dict entry `name` (the published name)."""
        if name.endswith("running_mean"):
            values = 0.05 * self.z(name, shape)
        elif name.endswith("running_var"):
            values = 0.8 + 0.4 * self.u01(name, shape)
        elif len(shape) == 1:
            values = 1 + 0.1 * self.z(name, shape) if name.endswith("weight") else 0.02 * self.z(name, shape)
        else:
            values = self.z(name, shape) * math.sqrt(2 / math.prod(shape[1:]))
        return torch.from_numpy(values.astype(np.float32))

    def images(self, name: str, shape: tuple[int, ...]) -> dict[str, Tensor]:
        """Return an input (B,9,S,S), apart by true modality."""
        packed = torch.from_numpy(self.u01(name, shape).astype(np.float32))
        return dict(zip(("rgb", "depth", "ir"), packed.split(3, dim=1), strict=True))

    def _hash(self, name: str, n: int) -> np.ndarray:
        offset = (zlib.crc32(name.encode()) + 0x9E3779B9 * self.seed) % 2**32
        h = np.arange(n, dtype=np.uint32) + np.uint32(offset)
        h ^= h >> np.uint32(16)
        h *= np.uint32(0x85EBCA6B)
        h ^= h >> np.uint32(13)
        h *= np.uint32(0xC2B2AE35)
        h ^= h >> np.uint32(16)
        return h


def published_state(folder: Path, fill: Fill) -> dict[str, Tensor]:
    """Return the checkpoint of the published network, every layer of a stream named twice.

    What takes no part in its output is zero and takes no memory.
    """
    golden = np.load(folder / "train_step.npz")
    shapes = {
        str(name): tuple(int(n) for n in re.findall(r"\d+", str(shape)))
        for name, shape in zip(golden["param_names"], golden["param_shapes"], strict=True)
    }
    for name in map(str, golden["bn_keys"]):
        if re.match(MODULES + r"conv\d\.", name):
            continue  # the second name of a layer
        shapes[name] = shapes[name.rpartition(".")[0] + ".weight"]
    state = {}
    for name, shape in shapes.items():
        idle = re.match(MODULES + r"(encoder\.(layer[34]|last_linear)|fc)\.", name)
        state[name] = torch.zeros(()).expand(shape) if idle else fill.tensor(name, shape)
        if name.endswith("running_var"):
            state[name.replace("running_var", "num_batches_tracked")] = torch.tensor(0)
    again = {}
    for name, value in state.items():
        if (match := re.match(MODULES, name)) and (layer := re.match(r"encoder\.layer\d\.", name[match.end() :])):
            again[match[0] + TWICE[layer[0]] + name[match.end() + layer.end() :]] = value
    return {f"module.{name}": value for name, value in (state | again).items()}
