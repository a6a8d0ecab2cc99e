"""A trunk under a head that measures angles."""

from __future__ import annotations

import math
from typing import cast

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
    """Maps (B,3,S,S) to features (B,width), not normalised, and to cosines (B,outputs)."""

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
        found = cast(Tensor, self.trunk(image))
        return found.float() if found.dtype in (torch.bfloat16, torch.float16) else found

    def cosines(self, features: Tensor) -> Tensor:
        """Return what the head makes of features; mixed precision would leave cosines three digits."""
        with torch.autocast(features.device.type, enabled=False):
            return cast(Tensor, self.head(self.dropout(features)))


def unit(rows: Tensor) -> Tensor:
    """Return rows divided by their length, or by 1e-12 where they are shorter."""
    return F.normalize(rows, dim=-1, eps=1e-12)
