"""The losses of ME-FAS."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def contrast(one: Tensor, other: Tensor, temperature: float) -> Tensor:
    """Return the mean InfoNCE loss of two views (B,D): each row against all other 2B - 1, its partner is the answer.

    Images of the same class are negatives too. A single image has no negative, and loss 0.
    """
    rows = F.normalize(torch.cat([one, other]).float(), dim=1)
    likeness = rows @ rows.T / temperature
    likeness.fill_diagonal_(-torch.inf)
    partner = torch.arange(len(rows), device=rows.device).roll(len(one))
    return F.cross_entropy(likeness, partner)


def consistency(one: Tensor, other: Tensor) -> Tensor:
    """Return the mean squared difference of two views' likeness (B,) to the sentence of their label."""
    return (other - one).square().mean()


def likeness_to(features: Tensor, text: Tensor, label: Tensor) -> Tensor:
    """Return the cosine (B,) of features (B,D) and the text (C,D) of each label."""
    return F.cosine_similarity(features, text[label])
