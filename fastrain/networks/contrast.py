"""Losses that compare the features of a batch with each other: supervised contrast, and triplets."""

from __future__ import annotations

import torch
from torch import Tensor

from fastrain.networks.cosine import unit

# -- Supervised contrast between views --------------------------------------------------------------------------------

BASE_TEMPERATURE = 0.07


def by_image(features: Tensor, views: int) -> Tensor:
    """Return unit vectors (B,views,width) of features (views x B,width), all first views before all second ones."""
    return unit(features).view(views, -1, features.shape[1]).transpose(0, 1)


def supervised_contrast(features: Tensor, label: Tensor | None, temperature: float) -> Tensor:
    """Return the supervised contrastive loss (Khosla et al., NeurIPS 2020) of unit vectors (B,views,width).

    Every view of every image is an anchor; its positives are all other vectors of the same label (B,), or only the
    other views of its image without labels. Base temperature 0.07.
    """
    count, views = features.shape[:2]
    if label is None:
        label = torch.arange(count, device=features.device)
    with torch.autocast(features.device.type, enabled=False):
        rows = features.transpose(0, 1).flatten(0, 1)  # all first views, then all second ones
        likeness = rows @ rows.T / temperature
        likeness = likeness - likeness.detach().max(dim=1, keepdim=True).values
        same = label.repeat(views)
        itself = torch.eye(len(rows), dtype=torch.bool, device=rows.device)
        positive = (same[:, None] == same) & ~itself
        others = likeness.masked_fill(itself, -torch.inf).logsumexp(dim=1, keepdim=True)
        logarithms = torch.where(positive, likeness - others, 0).sum(dim=1) / positive.sum(dim=1)
        return -(temperature / BASE_TEMPERATURE) * logarithms.mean()


# -- Triplets ---------------------------------------------------------------------------------------------------------

ACTIVE = 1e-16  # a triplet counts when its loss is above it


def distances(features: Tensor) -> Tensor:
    """Return the Euclidean distances (N,N) of features (N,width); 0, without a gradient, where two are the same."""
    products = features @ features.T
    lengths = products.diagonal()
    squares = (lengths[:, None] - 2 * products + lengths).clamp(min=0)
    same = squares == 0
    return torch.where(same, 1.0, squares).sqrt().masked_fill(same, 0)


def every_triplet(features: Tensor, kind: Tensor, n_kinds: int, margin: float) -> Tensor:
    """Return the mean of max(0, D(a,p) - D(a,n) + margin) over the triplets where it is positive; 0 without any.

    A triplet is an anchor a, another row p of its kind and a row n of another kind; D is the Euclidean distance, not
    squared. The number of triplets that count carries no gradient. Source: row 5 of SSDG's README.

    Args:
        features: (N,width).
        kind: (N,) whole numbers below `n_kinds`.
    """
    with torch.autocast(features.device.type, enabled=False):
        apart = distances(features)
        total, count = features.new_zeros(()), features.new_zeros(())
        for number in range(n_kinds):
            own = kind == number
            rows = apart[own]
            alike, other = rows[:, own], rows[:, ~own]
            itself = torch.eye(len(alike), dtype=torch.bool, device=alike.device)
            near = alike.masked_fill(itself, -torch.inf)  # never active
            terms = (near[:, :, None] - other[:, None, :] + margin).relu()
            total = total + terms.sum()
            count = count + (terms.detach() > ACTIVE).sum()
        return total / (count + ACTIVE)
