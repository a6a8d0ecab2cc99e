"""Move weights elsewhere for a while."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def displaced(network: nn.Module, parameters: Sequence[nn.Parameter], offsets: Sequence[Tensor]) -> Iterator[None]:
    """Add `offsets` to `parameters` inside a `with`; afterwards they are as before, to the last bit.

    So are all buffers of `network`: batch norm may see a batch in between without a trace. The parameters use the
    offsets' memory, which holds the displaced values afterwards, so that only buffers are copied.
    """
    weights = [parameter.data for parameter in parameters]
    buffers = [(buffer, buffer.data) for buffer in network.buffers()]
    try:
        with torch.no_grad():
            for parameter, offset in zip(parameters, offsets, strict=True):
                parameter.data = offset.add_(parameter)
            for buffer, value in buffers:
                buffer.data = value.clone()
        torch.clear_autocast_cache()  # under mixed precision it holds casts of the old weights
        yield
    finally:
        for parameter, value in zip(parameters, weights, strict=True):
            parameter.data = value
        for buffer, value in buffers:
            buffer.data = value
        torch.clear_autocast_cache()
