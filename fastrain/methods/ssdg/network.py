"""The networks of SSDG: trunk, bottleneck and classifier; the discriminator; the trunk of SSDG-M."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fastrain.networks.domains import reversed_gradient

FeatureNorm = Literal["half_sqrt", "unit", "none"]
WeightNormAxis = Literal["class", "feature", "none"]
_TINY = 1e-12


class SSDGNetwork(nn.Module):
    """Map (B,3,S,S) to features (B,embedding), normalised, and to logits (B,2); column 1 is bona fide."""

    def __init__(
        self,
        trunk: nn.Module,
        width: int,
        embedding: int,
        *,
        dropout: float,
        feature_norm: FeatureNorm,
        weight_norm_axis: WeightNormAxis,
    ) -> None:
        super().__init__()
        self.trunk = trunk
        self.bottleneck = nn.Linear(width, embedding)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(embedding, 2)
        self.feature_norm, self.weight_norm_axis = feature_norm, weight_norm_axis
        nn.init.normal_(self.bottleneck.weight, std=0.005)
        nn.init.constant_(self.bottleneck.bias, 0.1)
        nn.init.normal_(self.classifier.weight, std=0.01)
        nn.init.zeros_(self.classifier.bias)
        self.project()

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.bottleneck(self.trunk(image))
        with torch.autocast(image.device.type, enabled=False):
            if hidden.dtype in (torch.bfloat16, torch.float16):
                hidden = hidden.float()
            features = scaled(self.dropout(hidden.relu()), self.feature_norm)
            classifier = self.classifier
            weight, bias = classifier.weight.to(features.dtype), classifier.bias.to(features.dtype)
            return features, F.linear(features, weight, bias)

    @torch.no_grad()
    def project(self) -> None:
        """Bring the classifier's weights back to length 1 along their axis; due at the start and after every step."""
        if self.weight_norm_axis == "none":
            return
        weight = self.classifier.weight
        weight.copy_(F.normalize(weight, dim=0 if self.weight_norm_axis == "class" else 1, eps=_TINY))


def scaled(features: Tensor, norm: FeatureNorm) -> Tensor:
    """Return features v (B,F) as v / sqrt(2 |v|), v / |v| or v; a row of zeros stays."""
    if norm == "none":
        return features
    length = torch.linalg.vector_norm(features, dim=1, keepdim=True).clamp(min=_TINY)
    return features / ((2 * length).sqrt() if norm == "half_sqrt" else length)


class Discriminator(nn.Module):
    """Tell the domain of features (B,width): logits (B,domains). Their gradient comes back reversed."""

    def __init__(self, width: int, domains: int, *, dropout: float) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)
        self.outputs = nn.Linear(width, domains)
        for layer, deviation in ((self.hidden, 0.01), (self.outputs, 0.3)):
            nn.init.normal_(layer.weight, std=deviation)
            nn.init.zeros_(layer.bias)

    def forward(self, features: Tensor, strength: float) -> Tensor:
        features = reversed_gradient(features, strength).to(self.hidden.weight.dtype)
        hidden = self.hidden(features).relu()
        return cast(Tensor, self.outputs(self.dropout(hidden)))


# -- The trunks -------------------------------------------------------------------------------------------------------


class PlainTrunk(nn.Module):
    """The thirteen convolutions of SSDG-M, from the network of MADDG: (B,3,S,S) to pooled (B,4 x the second width).

    Each is 3x3, without a bias, and followed by batch norm and ReLU; after the fourth, seventh, tenth, eleventh and
    twelfth the sides are halved. The published code averages an area of 8x8 and so takes sides of 225 to 256 alone;
    here any side goes.
    """

    pooled_after = (3, 6, 9, 10, 11)

    def __init__(
        self, widths: Sequence[int] = (64, 128, 196), *, bn_init: Literal["ones", "uniform01"] = "ones"
    ) -> None:
        super().__init__()
        first, second, third = widths
        outputs = [first, *[second, third, second] * 3, second, 2 * second, 4 * second]
        inputs = [3, *outputs[:-1]]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(i, o, 3, padding=1, bias=False) for i, o in zip(inputs, outputs, strict=True)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(o) for o in outputs)
        self.width = outputs[-1]
        for norm in self.norms if bn_init == "uniform01" else ():
            nn.init.uniform_(cast(nn.BatchNorm2d, norm).weight)

    def forward(self, image: Tensor) -> Tensor:
        for number, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            image = norm(convolution(image)).relu()
            if number in self.pooled_after:
                image = F.max_pool2d(image, 3, stride=2, padding=1)
        return image.mean(dim=(2, 3))


def start_anew(stage: nn.Module) -> None:
    """Initialise a stage of a residual network as its authors do: He's normal weights, normalisation at 1 and 0."""
    for layer in stage.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.ones_(layer.weight)
            nn.init.zeros_(layer.bias)
