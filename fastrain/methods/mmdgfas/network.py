"""The network of MMDGFAS: channel attention, the stream of one modality, and the fusion of three streams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock

# -- Channel attention ------------------------------------------------------------------------------------------------

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


# -- The stream of one modality: a short residual network with selective kernels --------------------------------------

EXPANSION = 4


class Stream(nn.Module):
    """Map images (B,3,S,S) in [0,1] to features (B, 8 x planes, about S/8, about S/8).

    The first layer is a batch norm: images need no other normalisation.
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
    """Halve an image twice: a 7x7 convolution, then the largest of 3x3."""

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


# -- The fusion of the streams ----------------------------------------------------------------------------------------


class HybridNetwork(nn.Module):
    """Map images (B,3,S,S) in [0,1], by modality, to logits (B,2) of attack and bona fide, fused and apart.

    Every stream's features are re-weighted, joined in the order of `modalities`, squeezed and taken through two
    residual stages. One head, shared by the modalities, reads the features of each by itself. With `planes` 64 and
    three modalities 15,051,478 parameters: those of the published network that its output depends on.
    """

    def __init__(self, modalities: Sequence[str], planes: int = 64, dropout: float = 0.5) -> None:
        super().__init__()
        width = 8 * planes
        self.streams = nn.ModuleDict({name: Stream(planes) for name in modalities})
        self.reweighting = nn.ModuleDict({name: Reweighting(width) for name in modalities})
        self.squeeze = nn.Sequential(
            nn.Conv2d(len(modalities) * width, 6 * planes, 1), nn.BatchNorm2d(6 * planes), nn.ReLU()
        )
        self.joint = nn.Sequential(_residual(6 * planes, 4 * planes), _residual(4 * planes, width))
        self.head = _head(width, 4 * planes, dropout)
        self.modality_head = _head(width, 4 * planes, dropout)

    def features(self, images: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the re-weighted features of every modality."""
        return {name: self.reweighting[name](stream(images[name])) for name, stream in self.streams.items()}

    def fused(self, features: Mapping[str, Tensor]) -> Tensor:
        """Return the logits (B,2) of all modalities together."""
        joined = self.squeeze(torch.cat([features[name] for name in self.streams], dim=1))
        return self.head(self.joint(joined).mean(dim=(2, 3)))

    def apart(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the logits (B,2) of every modality by itself."""
        return {name: self.modality_head(maps.mean(dim=(2, 3))) for name, maps in features.items()}

    def forward(self, images: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        features = self.features(images)
        return self.fused(features), self.apart(features)


def _residual(channels: int, out: int) -> nn.Sequential:
    """Two residual blocks of 3x3 convolutions, the first of which halves the map."""
    shortcut = nn.Sequential(nn.Conv2d(channels, out, 1, stride=2, bias=False), nn.BatchNorm2d(out))
    return nn.Sequential(BasicBlock(channels, out, 2, shortcut), BasicBlock(out, out))


def _head(channels: int, hidden: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.Dropout(dropout), nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, 2))
