"""Text-guided image masking: which patches a layer marks."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from fastrain.methods.me_fas.draws import Draws
from fastrain.methods.me_fas.settings import Mask

TEXT_GUIDED = ("random_location", "location")


def marked_patches(
    mask: Mask, tokens: Tensor, sentences: Tensor, layer: int, draws: Draws, label: Tensor | None
) -> Tensor:
    """Return bool (N,P): the patches of each image that layer `layer` marks; no gradient flows.

    `tokens` (N,1+P,W) are class token and patches before the layer, `sentences` (C,W) the end tokens of the sentences
    in the same space. Each set holds the whole part of `ratio` * P patches; `random_location` is the union of two.
    With `label` (N,) the sentence is that of the image's label, otherwise the one least like its class token.
    """
    count, patches = tokens.shape[0], tokens.shape[1] - 1
    n = int(patches * mask.ratio)
    marked = torch.zeros(count, patches, dtype=torch.bool, device=tokens.device)
    if mask.mode in TEXT_GUIDED:
        likeness = sentences @ tokens.detach().transpose(1, 2)  # (N,C,1+P)
        row = likeness[:, :, 0].argmin(dim=1) if label is None else label
        chosen = likeness[torch.arange(count, device=row.device), row, 1:]
        marked.scatter_(1, chosen.argsort(dim=1, stable=True)[:, :n], True)
    if mask.mode in ("random_location", "random"):
        permutations = torch.stack([draws.permutation(layer, image, patches) for image in range(count)])
        marked |= (permutations < n).to(marked.device)
    if mask.mode in ("grid", "border"):
        order = _grid(patches) if mask.mode == "grid" else _border(patches)
        marked[:, order[:n].to(marked.device)] = True
    return marked


def _grid(patches: int) -> Tensor:
    """Return patches in the order in which they are marked: those off the lattice of every second one come first."""
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
