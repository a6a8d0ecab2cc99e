"""The networks, the training step and the scoring of CDCN as the published code performs them, for timing ours.

Order of work is the published one: every layer is two convolutions, each output beside the map is kept, contrasts are
taken of map and target apart by a grouped convolution with fixed kernels. State-dict keys are the published ones.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Difference(nn.Module):
    """A 3x3 convolution less theta times a 1x1 convolution with the summed kernel."""

    def __init__(self, channels: int, out: int, theta: float) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out, kernel_size=3, stride=1, padding=1, bias=False)
        self.theta = theta

    def forward(self, x: Tensor) -> Tensor:
        plain = self.conv(x)
        if abs(self.theta) < 1e-8:
            return plain
        summed = self.conv.weight.sum(2).sum(2)[:, :, None, None]
        difference = F.conv2d(x, summed, stride=self.conv.stride, padding=0)
        return plain - self.theta * difference


def _layers(theta: float, *widths: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for channels, out in pairwise(widths):
        layers += [Difference(channels, out, theta), nn.BatchNorm2d(out), nn.ReLU()]
    return layers


class LiteralCDCN(nn.Module):
    """CDCN of one modality: images (N,3,S,S) to the map (N,32,32) and what the published network returns with it."""

    def __init__(self, theta: float = 0.7) -> None:
        super().__init__()
        pool = {"kernel_size": 3, "stride": 2, "padding": 1}
        self.conv1 = nn.Sequential(*_layers(theta, 3, 64))
        self.Block1 = nn.Sequential(*_layers(theta, 64, 128, 196, 128), nn.MaxPool2d(**pool))
        self.Block2 = nn.Sequential(*_layers(theta, 128, 128, 196, 128), nn.MaxPool2d(**pool))
        self.Block3 = nn.Sequential(*_layers(theta, 128, 128, 196, 128), nn.MaxPool2d(**pool))
        self.lastconv1 = nn.Sequential(*_layers(theta, 384, 128))
        self.lastconv2 = nn.Sequential(*_layers(theta, 128, 64))
        self.lastconv3 = nn.Sequential(Difference(64, 1, theta), nn.ReLU())
        self.downsample32x32 = nn.Upsample(size=(32, 32), mode="bilinear")

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        image = x
        x = self.conv1(x)
        block1 = self.Block1(x)
        small1 = self.downsample32x32(block1)
        block2 = self.Block2(block1)
        small2 = self.downsample32x32(block2)
        block3 = self.Block3(block2)
        small3 = self.downsample32x32(block3)
        joined = torch.cat((small1, small2, small3), dim=1)
        x = self.lastconv3(self.lastconv2(self.lastconv1(joined)))
        return x.squeeze(1), joined, block1, block2, block3, image


def optimiser(network: nn.Module) -> torch.optim.Optimizer:
    """Return the published optimiser."""
    return torch.optim.Adam(network.parameters(), lr=1e-4, weight_decay=5e-5)


def contrast(maps: Tensor) -> Tensor:
    """Return the eight contrasts of maps (N,32,32) by a grouped convolution, (N,8,30,30)."""
    kernels = torch.zeros(8, 1, 3, 3, dtype=maps.dtype, device=maps.device)
    places = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1), (2, 2)]
    for number, (row, column) in enumerate(places):
        kernels[number, 0, row, column] = 1
        kernels[number, 0, 1, 1] = -1
    return F.conv2d(maps[:, None].repeat(1, 8, 1, 1), weight=kernels, groups=8)


def losses(maps: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return the absolute and the contrastive loss."""
    criterion = nn.MSELoss()
    return criterion(maps, target), criterion(contrast(maps), contrast(target))


def training_step(network: nn.Module, moving: torch.optim.Optimizer, images: Tensor, target: Tensor) -> Tensor:
    """Do one step on images normalised to (v - 127.5) / 128 and their target maps; return the loss."""
    network.train()
    moving.zero_grad()
    outputs = network(images)
    absolute, depth = losses(outputs[0], target)
    loss = absolute + depth
    loss.backward()
    moving.step()
    return loss.detach()


def scored(network: nn.Module, images: Tensor, mask: Tensor) -> Tensor:
    """Return the score of each frame, shown to the network one by one: the map's sum over the mask's."""
    scores = []
    for k in range(len(images)):
        network.zero_grad()
        outputs = network(images[k : k + 1])
        scores.append(outputs[0].sum() / mask[k : k + 1].sum())
    return torch.stack(scores)
