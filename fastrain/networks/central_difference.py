"""Central difference convolution: a 3x3 convolution that also looks at how each neighbour differs from the centre."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def folded(weight: Tensor, theta: float) -> Tensor:
    """Return the kernels (O,I,3,3) of the plain convolution that equals central difference with `weight`.

    What each neighbour adds, w_n (x_n - theta x_0), sums up to a plain convolution whose centre is smaller by theta
    times the sum of the kernel. At the border, where neighbours are zeros, and at any stride the same holds.

    >>> folded(torch.ones(1, 1, 3, 3), 0.5)[0, 0].tolist()
    [[1.0, 1.0, 1.0], [1.0, -3.5, 1.0], [1.0, 1.0, 1.0]]
    """
    if not theta:
        return weight
    return weight - F.pad(theta * weight.sum(dim=(2, 3), keepdim=True), (1, 1, 1, 1))


class CentralDifference(nn.Module):
    """Map (B,I,H,W) to (B,O,ceil(H/stride),ceil(W/stride)): conv3x3(x; w, b) - theta conv1x1(x; sum of w, b).

    Both convolutions are one here, with kernels made from `weight` (`folded`), and so is their gradient. The published
    layer runs both; a bias enters both, so that (1 - theta) of it is left. Theta 0 is a plain convolution (Yu et al.,
    "Searching Central Difference Convolutional Networks for Face Anti-Spoofing", CVPR 2020, equation 4).
    """

    def __init__(self, channels: int, out: int, *, theta: float, stride: int = 1, bias: bool = False) -> None:
        super().__init__()
        self.theta, self.stride = theta, stride
        self.weight = nn.Parameter(torch.empty(out, channels, 3, 3))
        self.bias = nn.Parameter(torch.empty(out)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights and bias as torch does for a convolution: uniform within 1 / sqrt(9 I) of 0."""
        bound = 1 / math.sqrt(math.prod(self.weight.shape[1:]))
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def kernel(self) -> Tensor:
        """Return the kernels (O,I,3,3) that the input is convolved with."""
        return folded(self.weight, self.theta)

    def forward(self, features: Tensor) -> Tensor:
        bias = None if self.bias is None else (1 - self.theta) * self.bias
        return F.conv2d(features, self.kernel(), bias, self.stride, padding=1)

    def extra_repr(self) -> str:
        return f"{self.weight.shape[1]}, {self.weight.shape[0]}, theta={self.theta}, stride={self.stride}"
