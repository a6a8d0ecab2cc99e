"""Three streams and what joins them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock

from fastrain.methods.mmdgfas.attention import Reweighting
from fastrain.methods.mmdgfas.stream import Stream


class HybridNetwork(nn.Module):
    """Takes images (B,3,S,S) in [0,1] by modality; returns logits (B,2) of attack and bona fide, fused and apart.

    Every stream's features are re-weighted, joined in the order of `modalities`, squeezed and taken through two
    residual stages. One head, shared by the modalities, reads each one's features by themselves. With `planes` 64 and
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
        return {name: self.modality_head(one.mean(dim=(2, 3))) for name, one in features.items()}

    def forward(self, images: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        features = self.features(images)
        return self.fused(features), self.apart(features)


def _residual(channels: int, out: int) -> nn.Sequential:
    """Two residual blocks of 3x3 convolutions, the first of which halves the map."""
    shortcut = nn.Sequential(nn.Conv2d(channels, out, 1, stride=2, bias=False), nn.BatchNorm2d(out))
    return nn.Sequential(BasicBlock(channels, out, 2, shortcut), BasicBlock(out, out))


def _head(channels: int, hidden: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.Dropout(dropout), nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, 2))
