"""Parts of ME-FAS' forward pass: its random numbers, and the patches that it marks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Generator, Tensor

from fastrain.methods.me_fas.settings import Mask

# -- Random numbers ---------------------------------------------------------------------------------------------------

DEVIATION = 0.02  # of new prompts


class Draws(Protocol):
    """The random numbers of a forward pass: first all deep prompts, then permutations by layer and image."""

    def deep_prompt(self, number: int, shape: tuple[int, int]) -> Tensor:
        """Return the deep prompt of the layer after layer `number`, (n_ctx, W)."""

    def permutation(self, layer: int, image: int, n: int) -> Tensor:
        """Return a permutation of `n` patches, int64."""


@dataclass(frozen=True)
class GeneratorDraws:
    """Draw from a CPU generator, in the published order."""

    generator: Generator

    def deep_prompt(self, number: int, shape: tuple[int, int]) -> Tensor:
        return torch.empty(shape).normal_(std=DEVIATION, generator=self.generator)

    def permutation(self, layer: int, image: int, n: int) -> Tensor:
        return torch.randperm(n, generator=self.generator)


# -- Text-guided masks ------------------------------------------------------------------------------------------------

TEXT_GUIDED = ("random_location", "location")


def marked_patches(
    mask: Mask, tokens: Tensor, sentences: Tensor, layer: int, draws: Draws, label: Tensor | None
) -> Tensor:
    """Return bool (N,P): the patches of each image that layer `layer` marks; no gradient flows.

    `tokens` (N,1+P,W) are class token and patches before the layer, `sentences` (C,W) the end tokens of the sentences
    in the same space. Each set holds floor(`ratio` * P) patches; `random_location` is the union of two sets.
    With `label` (N,) the sentence is that of the image's label, otherwise the one least like its class token.
    """
    count, patches = tokens.shape[0], tokens.shape[1] - 1
    n = int(patches * mask.ratio)
    marked = torch.zeros(count, patches, dtype=torch.bool, device=tokens.device)
    if mask.mode in TEXT_GUIDED:
        likeness = sentences @ tokens.detach().transpose(1, 2)  # (N,C,1+P)
        row = likeness[:, :, 0].argmin(dim=1) if label is None else label
        to_sentence = likeness[torch.arange(count, device=row.device), row, 1:]
        marked.scatter_(1, to_sentence.argsort(dim=1, stable=True)[:, :n], True)
    if mask.mode in ("random_location", "random"):
        permutations = torch.stack([draws.permutation(layer, image, patches) for image in range(count)])
        marked |= (permutations < n).to(marked.device)
    if mask.mode in ("grid", "border"):
        order = _grid(patches) if mask.mode == "grid" else _border(patches)
        marked[:, order[:n].to(marked.device)] = True
    return marked


def _grid(patches: int) -> Tensor:
    """Return patches in the order in which they are marked: first those outside the lattice of every second one."""
    row, column = _places(patches)
    return torch.argsort(((row % 2 == 0) & (column % 2 == 0)).int(), stable=True)


def _border(patches: int) -> Tensor:
    """Return patches ring by ring, from the outermost inwards."""
    row, column = _places(patches)
    side = math.isqrt(patches)
    ring = torch.minimum(torch.minimum(row, side - 1 - row), torch.minimum(column, side - 1 - column))
    return torch.argsort(ring, stable=True)


def _places(patches: int) -> tuple[Tensor, Tensor]:
    side = math.isqrt(patches)
    places = torch.arange(patches)
    return places // side, places % side
