"""The network of GAC-FAS: a trunk under a head that measures angles."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from fastrain.networks.cosine import CosineHead


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
