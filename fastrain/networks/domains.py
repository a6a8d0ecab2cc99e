"""What methods do domain by domain: a mean loss of each, and features that tell no domain."""

from __future__ import annotations

from typing import Any, Literal, cast

import torch
from torch import Tensor
from torch.nn import functional as F


def domain_losses(
    logits: Tensor,
    label: Tensor,
    domain: Tensor,
    n_domains: int,
    *,
    kind: Literal["bce", "ce"],
    scale: float,
) -> Tensor:
    """Return (n_domains,): the mean loss of each domain's images, divided by `n_domains`; 0 for a domain without.

    Args:
        logits: (B,1) with `bce`, (B,2) with `ce`.
        label, domain: (B,).
        kind: binary cross entropy of sigmoid(scale * logit), whose logarithms are held above -100, or softmax cross
            entropy of scale * logits.
    """
    with torch.autocast(logits.device.type, enabled=False):
        if kind == "bce":
            probability = torch.sigmoid(scale * logits.flatten(1).squeeze(1))
            broken = probability.isnan()  # torch's function ends the process over NaN, on CUDA for good
            finite = torch.where(broken, 0.5, probability)
            each = F.binary_cross_entropy(finite, label.to(probability.dtype), reduction="none")
            each = torch.where(broken, probability, each)
        else:
            each = F.cross_entropy(scale * logits, label, reduction="none")
        members = F.one_hot(domain, n_domains).to(each.dtype)
        return each @ members / members.sum(dim=0).clamp(min=1) / n_domains


# -- Gradient reversal ------------------------------------------------------------------------------------------------


class _Reversed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, strength: float) -> Tensor:  # type: ignore[override]
        ctx.strength = strength
        return features.view_as(features)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        return gradient * -ctx.strength, None


def reversed_gradient(features: Tensor, strength: float) -> Tensor:
    """Return the features as they are; their gradient comes back times -`strength`.

    Source: Y. Ganin, V. Lempitsky, "Unsupervised Domain Adaptation by Backpropagation", ICML 2015.
    """
    return cast(Tensor, _Reversed.apply(features, strength))
