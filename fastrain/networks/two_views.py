"""What methods share that show two augmented views of every image: their head, and the losses that join the views."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def projection_head(width: int, hidden: int, out: int) -> nn.Sequential:
    """Return the head whose vectors are contrasted: three linear layers with batch norm between."""
    return nn.Sequential(
        nn.Linear(width, hidden), nn.BatchNorm1d(hidden), nn.ReLU(),
        nn.Linear(hidden, hidden), nn.BatchNorm1d(hidden), nn.ReLU(),
        nn.Linear(hidden, out),
    )  # fmt: skip


def contrast(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Return the mean InfoNCE loss of two views (B,D): each row against all others, its partner being the positive.

    Images of the same class are negatives too. A single image has no negative, and loss 0. It is computed in the
    precision of the run.
    """
    rows = F.normalize(torch.cat([first, second]), dim=1)
    likeness = rows @ rows.T / temperature
    likeness.fill_diagonal_(-torch.inf)
    partner = torch.arange(len(rows), device=rows.device).roll(len(first))
    return F.cross_entropy(likeness, partner)


def consistency(first: Tensor, second: Tensor) -> Tensor:
    """Return the mean squared difference of two views' likeness (B,) to the sentence of their label."""
    return (second - first).square().mean()


def likeness_to(features: Tensor, text: Tensor, label: Tensor) -> Tensor:
    """Return the cosine (B,) of features (B,D) and the text (C,D) of each label."""
    return F.cosine_similarity(features, text[label])


def unit(vectors: Tensor) -> Tensor:
    """Return vectors over their length."""
    return vectors / vectors.norm(dim=-1, keepdim=True)
