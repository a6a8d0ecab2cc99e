"""What CDCN is trained by and scored by: two losses between maps, the mean of a map, and the learning rate."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

# Row and column of each of the eight neighbours, from the pixel in the middle, in the published order.
NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))


def contrasts(maps: Tensor) -> Tensor:
    """Return (B,8,h-2,w-2): of maps (B,h,w) each inner pixel's neighbours, less the pixel."""
    height, width = maps.shape[-2:]
    inner = maps[:, 1:-1, 1:-1]
    around = [maps[:, 1 + y : height - 1 + y, 1 + x : width - 1 + x] for y, x in NEIGHBOURS]
    return torch.stack([neighbour - inner for neighbour in around], dim=1)


def absolute_loss(maps: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared error of maps (B,h,w)."""
    return F.mse_loss(maps, target)


def contrast_loss(maps: Tensor, target: Tensor) -> Tensor:
    """Return the contrastive depth loss: the mean squared error of both maps' contrasts.

    Contrasts are linear, so those of the difference are the difference of those.
    """
    return contrasts(maps - target).square().mean()


def mean_over(maps: Tensor, mask: Tensor, *, inside: bool) -> Tensor:
    """Return (B,): the sum of each map (B,h,w) over the sum of its mask; where that is 0 the plain mean of the map.

    With `inside` only pixels of the mask are summed up; the published code sums all of them.
    """
    total = (maps * mask if inside else maps).sum(dim=(1, 2))
    return torch.where(mask.any(dim=2).any(dim=1), frame_score(total, mask.sum(dim=(1, 2))), maps.mean(dim=(1, 2)))


def frame_score(map_sum: Tensor, mask_sum: Tensor) -> Tensor:
    """Return the score of frames from the sums of their maps and of their masks; a mask of zeros counts as one pixel.

    >>> frame_score(torch.tensor([6.0, 2.0]), torch.tensor([8.0, 0.0])).tolist()
    [0.75, 2.0]
    """
    return map_sum / torch.where(mask_sum == 0, 1, mask_sum)


# -- Learning rate ----------------------------------------------------------------------------------------------------


def rate_factor(epoch: int, period: int, gamma: float) -> float:
    """Return the learning rate of an epoch, counted from 0, over that of the first: gamma^floor((epoch + 1) / period).

    Stepped at the start of each epoch, as in the published loops, the rate falls one epoch early.

    >>> [rate_factor(epoch, 3, 0.5) for epoch in range(6)]
    [1.0, 1.0, 0.5, 0.5, 0.5, 0.25]
    """
    return gamma ** ((epoch + 1) // period)


def early_steps(optimizer: Optimizer, period: int, gamma: float) -> LambdaLR:
    """Return the schedule of `rate_factor`, stepped after every epoch."""
    return LambdaLR(optimizer, lambda epoch: rate_factor(epoch, period, gamma))
