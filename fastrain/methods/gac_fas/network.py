"""The network of GAC-FAS (a trunk under a head that measures angles) and its two losses."""

from __future__ import annotations

import math
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class CosineHead(nn.Module):
    """Cosines of the angles between features (B,width) and `outputs` learned directions: (B,outputs) in [-1,1]."""

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, width))
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))

    def forward(self, features: Tensor) -> Tensor:
        return unit(features) @ unit(self.weight.to(features.dtype)).T


class CosineNetwork(nn.Module):
    """Map (B,3,S,S) to features (B,width), not normalised, and to cosines (B,outputs)."""

    def __init__(self, trunk: nn.Module, width: int, outputs: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.trunk = trunk
        self.dropout = nn.Dropout(dropout)
        self.head = CosineHead(width, outputs)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(image)
        return features, self.cosines(features)

    def features(self, image: Tensor) -> Tensor:
        """Return the trunk's pooled features, in single precision at least."""
        features = cast(Tensor, self.trunk(image))
        return features.float() if features.dtype in (torch.bfloat16, torch.float16) else features

    def cosines(self, features: Tensor) -> Tensor:
        """Return the head's cosines of features, in full precision: half of it would leave three digits."""
        with torch.autocast(features.device.type, enabled=False):
            return cast(Tensor, self.head(self.dropout(features)))


def unit(rows: Tensor) -> Tensor:
    """Return rows divided by their length, or by 1e-12 where they are shorter."""
    return F.normalize(rows, dim=-1, eps=1e-12)


# -- The two losses: classification domain by domain, and supervised contrast between views ---------------------------

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
    """Return (n_domains,): the mean loss of each domain's images, divided by `n_domains`; 0 for a domain without.

    Args:
        cosines: (B,1) with `bce`, (B,2) with `ce`.
        label, domain: (B,).
        kind: binary cross entropy of sigmoid(scale * cosine), whose logarithms are held above -100, or softmax cross
            entropy of scale * cosines.
    """
    with torch.autocast(cosines.device.type, enabled=False):
        if kind == "bce":
            probability = torch.sigmoid(scale * cosines.flatten(1).squeeze(1))
            broken = probability.isnan()  # torch's function ends the process over NaN, on CUDA for good
            finite = torch.where(broken, 0.5, probability)
            each = F.binary_cross_entropy(finite, label.to(probability.dtype), reduction="none")
            each = torch.where(broken, probability, each)
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
