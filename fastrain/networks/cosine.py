"""A head that measures angles, and the vectors of length 1 behind it."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def unit(rows: Tensor) -> Tensor:
    """Return rows divided by their length, or by 1e-12 where they are shorter."""
    return F.normalize(rows, dim=-1, eps=1e-12)


class CosineHead(nn.Module):
    """Cosines of the angles between features (B,width) and `outputs` learned directions: (B,outputs) in [-1,1]."""

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, width))
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))

    def forward(self, features: Tensor) -> Tensor:
        return unit(features) @ unit(self.weight.to(features.dtype)).T
