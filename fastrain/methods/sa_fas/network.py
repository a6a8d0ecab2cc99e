"""The network of SA-FAS: a trunk under one linear head a source domain, and how heads are aligned."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fastrain.networks.cosine import unit

_TINY = 1e-10


class LearnedScale(nn.Module):
    """A positive factor for each image: features (B,width) to (B,1)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 1)
        self.norm = nn.BatchNorm1d(1)

    def forward(self, features: Tensor) -> Tensor:
        return cast(Tensor, self.norm(self.linear(features))).exp()


class HeadsNetwork(nn.Module):
    """Map (B,3,S,S) to features (B,width), not normalised, and to logits (B,heads), one of each head.

    `scale` None is learned. With `sign` the heads see the features' directions and are vectors of signs; with `biased`
    they have a bias, which then is not scaled.
    """

    def __init__(
        self,
        trunk: nn.Module,
        width: int,
        heads: int,
        *,
        scale: float | None = 1.0,
        sign: bool = False,
        biased: bool = True,
    ) -> None:
        super().__init__()
        self.trunk = trunk
        self.heads = nn.ModuleList(nn.Linear(width, 1) for _ in range(heads))
        self.scale = LearnedScale(width) if scale is None else None
        self.fixed_scale, self.sign, self.biased = scale, sign, biased

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(image)
        return features, self.logits(features)

    def features(self, image: Tensor) -> Tensor:
        """Return the trunk's pooled features, in single precision at least."""
        features = cast(Tensor, self.trunk(image))
        return features.float() if features.dtype in (torch.bfloat16, torch.float16) else features

    def logits(self, features: Tensor) -> Tensor:
        """Return (B,heads), in full precision."""
        with torch.autocast(features.device.type, enabled=False):
            weight, bias = self.weight().to(features.dtype), self.bias().to(features.dtype)
            scale = self.scale_of(features)
            if not self.sign:
                return scale * F.linear(features, weight, bias)
            signs = F.normalize(weight[..., None], dim=-1, eps=1e-12)[..., 0]
            turned = scale * F.linear(unit(features), signs)
            return turned + bias if self.biased else turned

    def scale_of(self, features: Tensor) -> Tensor | float:
        """Return the factor of the logits: a number, or (B,1)."""
        if self.scale is None:
            return cast(float, self.fixed_scale)
        return cast(Tensor, self.scale(features.to(self.scale.linear.weight.dtype))).to(features.dtype)

    def weight(self) -> Tensor:
        """Return the heads' weights (heads,width)."""
        return torch.cat([cast(nn.Linear, head).weight for head in self.heads])

    def bias(self) -> Tensor:
        """Return the heads' biases (heads,)."""
        return torch.cat([cast(nn.Linear, head).bias for head in self.heads])

    @torch.no_grad()
    def align(self, alpha: float) -> None:
        """Turn every head a little towards the head that is farthest from it; lengths and biases stay."""
        if len(self.heads) > 1:
            for head, aligned in zip(self.heads, aligned_heads(self.weight(), alpha), strict=True):
                cast(nn.Linear, head).weight.copy_(aligned[None])


def aligned_heads(weight: Tensor, alpha: float) -> Tensor:
    """Return heads (K,width), K > 1, of their own lengths, in directions mixed with that of the farthest other head.

    With b_k the direction of head k, its new one is that of alpha b_k + (1 - alpha) b_far(k), where far(k) is the other
    head of the smallest cosine, the first of equals. All turn at once, from the old directions.
    """
    length = weight.norm(dim=1, keepdim=True)
    direction = weight / (length + _TINY)
    itself = torch.eye(len(weight), dtype=torch.bool, device=weight.device)
    farthest = (direction @ direction.T).masked_fill(itself, torch.inf).argmin(dim=1)
    mixed = alpha * direction + (1 - alpha) * direction[farthest]
    return length * mixed / (mixed.norm(dim=1, keepdim=True) + _TINY)


@torch.no_grad()
def mean_cosine(weight: Tensor) -> Tensor:
    """Return the mean cosine between two different heads (K,width), K > 1."""
    direction = weight / (weight.norm(dim=1, keepdim=True) + _TINY)
    pairs = torch.ones(len(weight), len(weight), dtype=torch.bool, device=weight.device).triu(diagonal=1)
    return (direction @ direction.T)[pairs].mean()
