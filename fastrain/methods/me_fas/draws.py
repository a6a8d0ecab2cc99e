"""The random numbers of a forward pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Generator, Tensor

DEVIATION = 0.02  # of new prompts


class Draws(Protocol):
    """What a forward pass asks random numbers of: first all deep prompts, then layer by layer, image by image."""

    def deep_prompt(self, number: int, shape: tuple[int, int]) -> Tensor:
        """Return the deep prompt of the layer after layer `number`, (n_ctx, W)."""

    def permutation(self, layer: int, image: int, n: int) -> Tensor:
        """Return a permutation of `n` patches, int64."""


@dataclass(frozen=True)
class GeneratorDraws:
    """Draws of a CPU generator, in the published order."""

    generator: Generator

    def deep_prompt(self, number: int, shape: tuple[int, int]) -> Tensor:
        return torch.empty(shape).normal_(std=DEVIATION, generator=self.generator)

    def permutation(self, layer: int, image: int, n: int) -> Tensor:
        return torch.randperm(n, generator=self.generator)
