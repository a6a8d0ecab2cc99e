"""The network, the training step and the scoring of MMDGFAS as the published code performs them, for timing ours.

Names and order of work are the published ones; nothing is left out that it computes and nothing is added: every stream
carries two stages and two classifiers that its output does not depend on, each stream's layers are registered twice,
the modalities' heads run although their outputs are not trained, and a batch that is scored is forwarded twice.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SqueezeExcite(nn.Module):
    """Channel attention."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.avg_pool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, channels // 16, 1)
        self.relu = nn.ReLU(inplace=True)
        self.fc2 = nn.Conv2d(channels // 16, channels, 1)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        return x * self.sigmoid(self.fc2(self.relu(self.fc1(self.avg_pool(x)))))


class SelectiveUnit(nn.Module):
    """Two receptive fields, chosen between channel by channel."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.channels = channels
        inner = max(channels // 16, 32)
        self.conv = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(channels, channels, 3, stride, 1 + i, dilation=1 + i, groups=32, bias=False),
                nn.BatchNorm2d(channels),
                nn.ReLU(inplace=False),
            )
            for i in range(2)
        )
        self.gap = nn.AdaptiveAvgPool2d((1, 1))
        self.fc1 = nn.Sequential(nn.Conv2d(channels, inner, 1, bias=False), nn.BatchNorm2d(inner), nn.ReLU())
        self.fc2 = nn.Conv2d(inner, 2 * channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        branches = [conv(x) for conv in self.conv]
        s = self.gap(branches[0] + branches[1])
        a = self.fc2(self.fc1(s)).reshape(len(x), 2, self.channels, -1).softmax(dim=1)
        chosen = [part.reshape(len(x), self.channels, 1, 1) for part in a.chunk(2, dim=1)]
        return chosen[0] * branches[0] + chosen[1] * branches[1]


class Bottleneck(nn.Module):
    """A residual block around a selective unit."""

    def __init__(self, channels: int, planes: int, stride: int, first: bool) -> None:
        super().__init__()
        width, out = 2 * planes, 4 * planes
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = SelectiveUnit(width, stride)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.relu = nn.ReLU(inplace=True)
        self.se_module = SqueezeExcite(out)
        shortcut = (nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))
        self.downsample = nn.Sequential(*shortcut) if first else None

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        residual = x if self.downsample is None else self.downsample(x)
        return self.relu(self.se_module(out) + residual)


class Encoder(nn.Module):
    """Five layers and a classifier; only three of them are used."""

    def __init__(self) -> None:
        super().__init__()
        self.layer0 = nn.Sequential()
        self.layer0.add_module("conv1", nn.Conv2d(3, 64, 7, 2, 3, bias=False))
        self.layer0.add_module("bn1", nn.BatchNorm2d(64))
        self.layer0.add_module("relu1", nn.ReLU(inplace=True))
        self.layer0.add_module("pool", nn.MaxPool2d(3, 2, ceil_mode=True))
        channels = 64
        for n, planes in enumerate((64, 128, 256, 512), start=1):
            first = Bottleneck(channels, planes, 1 if n == 1 else 2, first=True)
            channels = 4 * planes
            self.add_module(f"layer{n}", nn.Sequential(first, Bottleneck(channels, planes, 1, first=False)))
        self.last_linear = nn.Linear(2048, 2)


class Stream(nn.Module):
    """One modality; its layers stand here once more."""

    def __init__(self) -> None:
        super().__init__()
        self.first_bn = nn.BatchNorm2d(3)
        self.encoder = Encoder()
        for n in range(5):
            self.add_module(f"conv{n + 1}", getattr(self.encoder, f"layer{n}"))
        self.fc = nn.Sequential(nn.Linear(2048, 2))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv3(self.conv2(self.conv1(self.first_bn(x))))


class BasicBlock(nn.Module):
    """A residual block of two 3x3 convolutions."""

    def __init__(self, channels: int, planes: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        shortcut = (nn.Conv2d(channels, planes, 1, stride, bias=False), nn.BatchNorm2d(planes))
        self.downsample = nn.Sequential(*shortcut) if stride != 1 else None

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))


class LiteralMMDGFAS(nn.Module):
    """Takes (B,9,S,S), colour, depth, infrared; returns logits and four probabilities."""

    def __init__(self) -> None:
        super().__init__()
        for name in ("color", "depth", "ir"):
            self.add_module(f"{name}_module", Stream())
            self.add_module(f"{name}_SE", SqueezeExcite(512))
        self.bottleneck = nn.Sequential(nn.Conv2d(1536, 384, 1), nn.BatchNorm2d(384), nn.ReLU(inplace=True))
        self.res_0 = nn.Sequential(BasicBlock(384, 256, 2), BasicBlock(256, 256, 1))
        self.res_1 = nn.Sequential(BasicBlock(256, 512, 2), BasicBlock(512, 512, 1))
        self.fc = nn.Sequential(nn.Dropout(0.5), nn.Linear(512, 256), nn.ReLU(inplace=True), nn.Linear(256, 2))
        self.bottleneckAndfc = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.5), nn.Linear(512, 256), nn.ReLU(inplace=True),
            nn.Linear(256, 2),
        )  # fmt: skip

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        color = self.color_SE(self.color_module(x[:, 3:6]))
        depth = self.depth_SE(self.depth_module(x[:, 0:3]))
        ir = self.ir_SE(self.ir_module(x[:, 6:9]))
        fused = self.bottleneck(torch.cat([color, depth, ir], dim=1))
        fused = self.res_1(self.res_0(fused))
        logit = self.fc(F.adaptive_avg_pool2d(fused, 1).flatten(1))
        heads = [self.bottleneckAndfc(features)[:, 1:2].sigmoid() for features in (color, depth, ir)]
        return (logit, logit[:, 1:2].sigmoid(), *heads)


def optimiser(network: LiteralMMDGFAS, lr: float = 0.1) -> torch.optim.SGD:
    """Return the published optimiser."""
    return torch.optim.SGD(network.parameters(), lr=lr, momentum=0.9, weight_decay=5e-4)


def training_step(network: LiteralMMDGFAS, moving: torch.optim.SGD, images: Tensor, label: Tensor) -> float:
    """Do one step on (B,9,S,S) and labels (B,)."""
    network.train()
    moving.zero_grad()
    logit, *_ = network(images)
    loss = F.cross_entropy(logit, label)
    loss.backward()
    moving.step()
    return loss.item()


@torch.no_grad()
def scored(network: LiteralMMDGFAS, views: Tensor) -> Tensor:
    """Return the scores (B,) of views (B,36,9,S,S); the first of two forward passes is thrown away, as published."""
    network.eval()
    flat = views.flatten(0, 1)
    network(flat)
    logit, *_ = network(flat)
    return logit.view(*views.shape[:2], 2).mean(dim=1).softmax(dim=1)[:, 1]
