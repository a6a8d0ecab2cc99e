"""The two losses of GAC-FAS: classification domain by domain, and supervised contrast between views."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

BASE_TEMPERATURE = 0.07


def domain_losses(
    cosines: Tensor,
    label: Tensor,
    domain: Tensor,
    n_domains: int,
    *,
    kind: Literal["bce", "ce"],
    scale: float,
) -> Tensor:
    """Return (n_domains,): the mean loss over each domain's images, over `n_domains`; 0 for a domain that has none.

    Args:
        cosines: (B,1) with `bce`, (B,2) with `ce`.
        label, domain: (B,).
        kind: binary cross entropy of sigmoid(scale * cosine), whose logarithms are held above -100, or softmax cross
            entropy of scale * cosines.
    """
    with torch.autocast(cosines.device.type, enabled=False):
        if kind == "bce":
            chance = torch.sigmoid(scale * cosines.flatten(1).squeeze(1))
            broken = chance.isnan()  # the framework's function ends the process over such, on CUDA for good
            whole = torch.where(broken, 0.5, chance)
            each = F.binary_cross_entropy(whole, label.to(chance.dtype), reduction="none")
            each = torch.where(broken, chance, each)
        else:
            each = F.cross_entropy(scale * cosines, label, reduction="none")
        members = F.one_hot(domain, n_domains).to(each.dtype)
        return each @ members / members.sum(dim=0).clamp(min=1) / n_domains


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
