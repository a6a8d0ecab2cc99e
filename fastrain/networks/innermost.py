"""Networks that keep channels innermost in memory, where convolutions of one pixel are products of matrices.

An image is a matrix of pixels by channels there as it is. On processors torch has no quick way for such convolutions of
small batches in one thread, and a product is no slower elsewhere; sums are taken in another order.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def keep_channels_innermost(network: nn.Module) -> None:
    """Lay out the network's weights so; parameters, their values and their names stay as they are."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for module in network.modules():
        if type(module) is nn.Conv2d and _is_pointwise(module):
            module.__class__ = PixelProduct


def _is_pointwise(layer: nn.Conv2d) -> bool:
    around = (layer.kernel_size, layer.stride, layer.dilation, layer.padding, layer.groups)
    return around == ((1, 1), (1, 1), (1, 1), (0, 0), 1)


class PixelProduct(nn.Conv2d):
    """A convolution (B,C,h,w) to (B,D,h,w) of one pixel; in exports, and of other layouts, an ordinary one."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        exported = torch.jit.is_tracing() or torch.compiler.is_compiling() or torch.compiler.is_exporting()
        innermost = input.ndim == 4 and input.is_contiguous(memory_format=torch.channels_last)
        if exported or not innermost or input.device.type != "cpu":
            return super()._conv_forward(input, weight, bias)
        return F.linear(input.permute(0, 2, 3, 1), weight.flatten(1), bias).permute(0, 3, 1, 2)
