"""The prototype loss of a modality (SSP), the prototypes, and gradients made of several such losses (ReGrad)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

# -- Prototypes -------------------------------------------------------------------------------------------------------

BONAFIDE = 1  # the class of bona fide faces of all sources; attacks of source 0, 1, 2, ... are classes 0, 2, 3, ...
PUBLISHED_CLASSES = 5


def class_ids(domain: Tensor, label: Tensor) -> Tensor:
    """Return (B,) the class of each face: one for bona fide, and one of attacks for each source.

    >>> class_ids(torch.tensor([0, 1, 2, 2]), torch.tensor([0, 0, 0, 1])).tolist()
    [0, 2, 3, 1]
    """
    return torch.where(label == 1, BONAFIDE, domain + (domain >= BONAFIDE))


def prototype_loss(features: Tensor, prototypes: Tensor, classes: Tensor, known: Tensor | None = None) -> Tensor:
    """Return the mean cross entropy of minus the distances of features (B,E) to prototypes (K,E).

    With `known` (K,) only those prototypes are there, and faces of other classes are left out; without any face left
    the loss is 0.
    """
    squares = (features[:, None] - prototypes).square().sum(dim=-1)
    nearness = -squares.clamp(min=1e-12).sqrt()  # at no distance the root alone has no gradient
    if known is None:
        return F.cross_entropy(nearness, classes)
    counted = known[classes]
    absent = ~known & known.any()  # without any there is nothing to count
    stand_in = known.to(torch.int64).argmax()  # of a face left out: infinity times zero is no gradient
    each = F.cross_entropy(
        nearness.masked_fill(absent, -torch.inf), torch.where(counted, classes, stand_in), reduction="none"
    )
    return (each * counted.to(each.dtype)).sum() / counted.sum().clamp(min=1)


def averaged(
    old: Tensor, seen: Tensor, sums: Tensor, counts: Tensor, momentum: float, *, phantom: bool
) -> tuple[Tensor, Tensor]:
    """Return prototypes (M,K,E) and which classes are known (K,), after an epoch whose features sum up to `sums`.

    `old` are those of the epochs before and `seen` (K,) their known classes. A class without a face in this epoch keeps
    its prototype, and one that is new takes its mean; with `phantom` both count as zero, as published, but in the first
    epoch.
    """
    new = sums / counts.clamp(min=1)[None, :, None].to(sums.dtype)
    here = counts > 0
    mixed = (1 - momentum) * new + momentum * old
    if phantom:
        return (mixed if bool(seen.any()) else new), seen | here
    kept = torch.where((here & seen)[None, :, None], mixed, torch.where(here[None, :, None], new, old))
    return kept, seen | here


# -- Rebalanced gradients ---------------------------------------------------------------------------------------------


def projection(base: Tensor, gradient: Tensor) -> Tensor:
    """Return the part of a gradient along `base`, both seen as one vector."""
    return (base * gradient).sum() / (base.square().sum() + 1e-8) * base


def agreeing(base: Tensor, gradient: Tensor) -> Tensor:
    """Return what a gradient may add to `base`: its part along it, or, where they conflict, what is not along it."""
    along = projection(base, gradient)
    return torch.where((base * gradient).sum() > 0, along, gradient - along)


def rebalanced(owner: int, gradients: Sequence[Tensor], certain: Tensor, fast: bool) -> Tensor:
    """Return what the losses of all modalities do to a tensor of the modality `owner`.

    Where its own loss is not the smallest, it keeps its gradient, and the others', weighted by the certainty (M,) of
    their modality, are held to its direction. Where it is (`fast`), it is held to that of the others.
    """
    own = gradients[owner]
    others = [(k, gradient) for k, gradient in enumerate(gradients) if k != owner]
    if not others:
        return own
    if not fast:
        return own + sum((certain[k] * agreeing(own, gradient) for k, gradient in others), torch.zeros_like(own))
    rest = torch.stack([gradient for _, gradient in others]).sum(dim=0)
    return certain[owner] * agreeing(rest, own) + rest
