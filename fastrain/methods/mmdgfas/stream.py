"""The network of one modality: a short residual one with selective kernels."""

from __future__ import annotations

from torch import Tensor, nn

from fastrain.methods.mmdgfas.attention import Reweighting, SelectiveKernel

EXPANSION = 4


class Stream(nn.Module):
    """Maps images (B,3,S,S) in [0,1] to features (B, 8 x planes, about S/8, about S/8).

    Its first layer is a batch norm: images need no other normalisation.
    """

    def __init__(self, planes: int) -> None:
        super().__init__()
        self.first_bn = nn.BatchNorm2d(3)
        self.layer0 = Stem(planes)
        self.layer1 = _stage(planes, planes, stride=1)
        self.layer2 = _stage(planes * EXPANSION, 2 * planes, stride=2)

    def forward(self, image: Tensor) -> Tensor:
        return self.layer2(self.layer1(self.layer0(self.first_bn(image))))


class Stem(nn.Module):
    """Halves an image twice: a 7x7 convolution, then the largest of 3x3."""

    def __init__(self, planes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, planes, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.pool = nn.MaxPool2d(3, stride=2, ceil_mode=True)

    def forward(self, image: Tensor) -> Tensor:
        return self.pool(self.bn1(self.conv1(image)).relu_())


class Bottleneck(nn.Module):
    """1x1, selective kernel, 1x1 and re-weighting, added to a shortcut; 2 x planes wide, 4 x planes out."""

    def __init__(self, channels: int, planes: int, stride: int) -> None:
        super().__init__()
        width, out = 2 * planes, EXPANSION * planes
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = SelectiveKernel(width, stride)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.se_module = Reweighting(out)
        self.downsample = None
        if stride != 1 or channels != out:
            shortcut = nn.Conv2d(channels, out, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(out))

    def forward(self, features: Tensor) -> Tensor:
        shortcut = features if self.downsample is None else self.downsample(features)
        inner = self.bn1(self.conv1(features)).relu_()
        inner = self.bn2(self.conv2(inner)).relu_()
        return (self.se_module(self.bn3(self.conv3(inner))) + shortcut).relu_()


def _stage(channels: int, planes: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        Bottleneck(channels, planes, stride),
        Bottleneck(EXPANSION * planes, planes, 1),
    )
