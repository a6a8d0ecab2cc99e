"""The networks of CDCN: three levels of central difference convolutions, read together into a map of 32 x 32 pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fastrain.networks.central_difference import CentralDifference

Kind: TypeAlias = Literal["cdcn", "cdcnpp"]
SIDE = 32  # of the map, whatever the size of the image
LEVELS = 3
STREAMS = ("rgb", "ir", "depth")  # the order in which streams are joined
_ATTENTION = (7, 5, 3)  # kernels, level by level


def level_widths(kind: Kind, width: int) -> tuple[tuple[int, ...], ...]:
    """Return the channels that each level's convolutions give out; multiples of `width` are cut to whole numbers.

    >>> level_widths("cdcn", 128)[0], level_widths("cdcnpp", 128)
    ((128, 196, 128), ((128, 204, 128), (153, 128, 179, 128), (128, 153, 128)))
    """
    w = width
    if kind == "cdcn":
        return ((w, w * 49 // 32, w),) * LEVELS
    return (w, w * 8 // 5, w), (w * 6 // 5, w, w * 7 // 5, w), (w, w * 6 // 5, w)


def _unit(channels: int, out: int, theta: float) -> nn.Sequential:
    return nn.Sequential(CentralDifference(channels, out, theta=theta), nn.BatchNorm2d(out), nn.ReLU(inplace=True))


class Trunk(nn.Module):
    """Map images (B,3,S,S) to three levels (B,width,·,·) of about S/2, S/4 and S/8 pixels."""

    def __init__(self, kind: Kind, width: int, theta: float) -> None:
        super().__init__()
        self.stem = _unit(3, width // 2, theta)
        self.levels = nn.ModuleList()
        channels = width // 2
        for widths in level_widths(kind, width):
            units = [_unit(a, b, theta) for a, b in pairwise((channels, *widths))]
            self.levels.append(nn.Sequential(*units, nn.MaxPool2d(3, stride=2, padding=1)))
            channels = width

    def forward(self, image: Tensor) -> list[Tensor]:
        features, levels = self.stem(image), []
        for level in self.levels:
            features = level(features)
            levels.append(features)
        return levels


class SpatialAttention(nn.Module):
    """Map features (B,C,h,w) to a weight in (0,1) for each pixel, (B,1,h,w), from their mean and maximum."""

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        summed_up = torch.cat([features.mean(dim=1, keepdim=True), features.amax(dim=1, keepdim=True)], dim=1)
        return self.conv(summed_up).sigmoid()


class MapNetwork(nn.Module):
    """Map images by modality, (B,3,S,S) each, to a map (B,32,32), not negative: high where a face is alive.

    One modality: its levels are resized to 32 x 32, joined (`joined`) and read by convolutions. CDCN++ weighs each
    level by spatial attention first. Several modalities have a trunk each, which is squeezed before they are joined.

    Args:
        modalities: one, or with kind `cdcn` any of rgb, ir, depth.
        borrowed: depth's second level is that of rgb, as in the published three-modality network; its own still feeds
            its third.
    """

    def __init__(
        self, modalities: Sequence[str], kind: Kind, width: int, theta: float, *, borrowed: bool = False
    ) -> None:
        super().__init__()
        self.borrowed = borrowed and {"rgb", "depth"} <= set(modalities)
        names = [name for name in STREAMS if name in modalities]
        self.trunks = nn.ModuleDict({name: Trunk(kind, width, theta) for name in names})
        self.attention = nn.ModuleList(SpatialAttention(kernel) for kernel in _ATTENTION if kind == "cdcnpp")
        self.squeeze = nn.ModuleDict({name: _unit(LEVELS * width, width, theta) for name in names})
        self.read = nn.Sequential()
        read = width
        if kind == "cdcn":
            read = width if len(names) > 1 else width // 2
            self.read.append(_unit(len(names) * width, read, theta))
        self.read.append(CentralDifference(read, 1, theta=theta))
        self.read.append(nn.ReLU())

    def forward(self, images: Mapping[str, Tensor]) -> Tensor:
        levels = {name: trunk(images[name]) for name, trunk in self.trunks.items()}
        if self.borrowed:
            levels["depth"][1] = levels["rgb"][1]
        streams = [self.squeeze[name](self.joined(of)) for name, of in levels.items()]
        return self.read(torch.cat(streams, dim=1) if len(streams) > 1 else streams[0]).squeeze(1)

    def joined(self, levels: Sequence[Tensor]) -> Tensor:
        """Return the levels of one modality side by side, (B, 3 x width, 32, 32)."""
        if self.attention:
            levels = [level * weight(level) for level, weight in zip(levels, self.attention, strict=True)]
        return torch.cat([_resized(level) for level in levels], dim=1)


def _resized(level: Tensor) -> Tensor:
    """Return features at 32 x 32, bilinear: of each 4x4 pixels of 128 the middle four count, of 64 all."""
    if level.shape[-2:] == (SIDE, SIDE):
        return level
    return F.interpolate(level, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
