"""The losses of MMDGFAS, and its learning rate: a cosine that restarts."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

EPSILON = 1e-9


def cross_modal_focal_loss(
    first: Tensor,
    second: Tensor,
    target: Tensor,
    *,
    alpha: float = 1.0,
    gamma: float = 3.0,
    multiplier: float = 2.0,
    attacks_only: bool = False,
    detach_other: bool = False,
) -> Tensor:
    """Return the cross-modal focal loss of two modalities' probabilities of bona fide, (B,) or (B,1) each.

    A modality's cross entropy counts less the more certain both are of the true label: its factor is
    alpha * (1 - w) ** gamma, with w the other's probability of that label times their harmonic mean (George and Marcel,
    "Cross Modal Focal Loss for RGBD Face Anti-Spoofing", CVPR 2021).
    """
    terms = [_binary(probability, target) for probability in (first, second)]  # in single precision at least
    certainties = [torch.exp(-term) for term in terms]
    losses = []
    for term, own, other in zip(terms, certainties, reversed(certainties), strict=True):
        other = other.detach() if detach_other else other
        weight = (other + EPSILON) * (multiplier * own * other) / (own + other + EPSILON)
        if attacks_only:
            weight = weight * (1 - target)
        losses.append((alpha * (1 - weight) ** gamma * term).mean())
    return 0.5 * losses[0] + 0.5 * losses[1]


def binary_loss(probability: Tensor, target: Tensor) -> Tensor:
    """Return the mean binary cross entropy of probabilities of bona fide and targets of the same shape."""
    return _binary(probability, target).mean()


def _binary(probability: Tensor, target: Tensor) -> Tensor:
    """Return each face's cross entropy, in single precision at least: half of it has no number as small as EPSILON.

    NaN stays NaN, so that the engine can name its sample; torch's function would end the process over it.
    """
    single = probability.float() if probability.dtype in (torch.bfloat16, torch.float16) else probability
    broken = single.isnan()
    with torch.autocast(single.device.type, enabled=False):  # torch refuses the function at half precision
        each = F.binary_cross_entropy(torch.where(broken, 0.5, single), target.to(single.dtype), reduction="none")
    return torch.where(broken, single, each)


# -- Learning rate: a cosine that restarts ----------------------------------------------------------------------------


def cosine_restart(epoch: int, *, period: int, highest: float, lowest: float) -> float:
    """Return the learning rate of `epoch`, counted from 1; epoch 0 is before the first.

    It falls from nearly `highest` to `lowest` within `period` epochs, then begins again; the start of the cosine itself
    is never trained with.
    """
    place = 1 + (epoch - 1) % period if epoch else 0
    return lowest + (highest - lowest) * (1 + math.cos(math.pi * place / period)) / 2


class CosineRestarts(LRScheduler):
    """Set every group's learning rate to that of the epoch; a new optimiser gets that of the first."""

    def __init__(self, optimizer: Optimizer, period: int, lowest: float) -> None:
        self.period, self.lowest = period, lowest
        super().__init__(optimizer)

    def get_lr(self) -> list[float | Tensor]:
        epoch = self.last_epoch + 1  # torch counts from 0
        tops = [float(top) for top in self.base_lrs]
        return [cosine_restart(epoch, period=self.period, highest=top, lowest=self.lowest) for top in tops]
