"""The rows of all devices as one tensor that gradients flow through."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


class GatherRows(torch.autograd.Function):
    """Puts the rows of all processes one after the other; each has to have the same number of them.

    Every process is expected to compute the same loss of what is gathered. The gradient of a process's own rows is then
    that loss's, times the number of processes, so that the average of the parameters' gradients is the loss's own.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:  # type: ignore[override]
        parts = [torch.empty_like(rows, memory_format=torch.contiguous_format) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        world = dist.get_world_size()
        return gradient.chunk(world)[dist.get_rank()] * world
