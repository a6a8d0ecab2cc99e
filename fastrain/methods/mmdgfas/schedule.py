"""The learning rate: a cosine that restarts."""

from __future__ import annotations

import math

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler


def cosine_restart(epoch: int, *, period: int, highest: float, lowest: float) -> float:
    """Return the learning rate of `epoch`, counted from 1; epoch 0 is before the first.

    It falls from nearly `highest` to `lowest` within `period` epochs, then begins again; the start of the cosine itself
    is never trained with.
    """
    place = 1 + (epoch - 1) % period if epoch else 0
    return lowest + (highest - lowest) * (1 + math.cos(math.pi * place / period)) / 2


class CosineRestarts(LRScheduler):
    """Sets every group's learning rate to that of the epoch; a new optimiser is given that of the first."""

    def __init__(self, optimizer: Optimizer, period: int, lowest: float) -> None:
        self.period, self.lowest = period, lowest
        super().__init__(optimizer)

    def get_lr(self) -> list[float | Tensor]:
        epoch = self.last_epoch + 1  # torch counts from 0
        tops = [float(top) for top in self.base_lrs]
        return [cosine_restart(epoch, period=self.period, highest=top, lowest=self.lowest) for top in tops]
