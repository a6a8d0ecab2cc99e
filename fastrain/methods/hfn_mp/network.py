"""The networks of HFN_MP: pattern extractor, and fusion network of RGB and pattern pyramids under two heads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from fasdata.errors import UserError
from fastrain.networks.trunk import feature_trunk, framework_init, imagenet_normalized
from fastrain.networks.weights import load_trunk


class PatternExtractor(nn.Module):
    """Two small convolutional stacks, 702 parameters: the encoder makes the meta pattern, the decoder inverts it.

    The forward pass maps (B,3,S,S) in [0,1] to the pattern (B,3,S,S) in [0,1] and, with `reconstruct`, to the
    reconstruction of the image. The score does not depend on the decoder; its loss and checkpoints need it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.encoder = _stack()
        self.decoder = _stack()

    def forward(self, image: Tensor, *, reconstruct: bool = False) -> tuple[Tensor, Tensor | None]:
        pattern = self.encoder(image)
        return pattern, self.decoder(pattern) if reconstruct else None


def load_extractor(extractor: PatternExtractor, path: Path) -> None:
    """Load the weights and statistics of the extractor in an hfn_mp checkpoint into `extractor`.

    Raises:
        UserError: the file is no readable checkpoint, or one of another method.
    """
    from fastrain.networks.checkpoint import Checkpoint

    checkpoint = Checkpoint.read(path)
    method = checkpoint.about.method
    if method != "hfn_mp":
        raise UserError(f"{path} holds no pattern extractor", expected="a checkpoint of hfn_mp", found=method)
    checkpoint.load_into(extractor, "method/extractor.", what="the pattern extractor of hfn_mp", any_precision=True)


def _stack() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Conv2d(6, 3, 3, padding=1),
        nn.BatchNorm2d(3),
        nn.Sigmoid(),
    )


class Pyramid(nn.Module):
    """A trunk with levels c3, c4, c5, two convolutions beyond c5, and the lateral and top layers of a feature pyramid.

    The fusion network joins two of them between these layers, so there is no forward pass but `levels`.

    Args:
        trunk: timm name.
        trunk_kwargs: extra arguments of that model.
        width: channels of every pyramid level; 256 in the paper.
    """

    def __init__(self, trunk: str, trunk_kwargs: dict[str, Any], width: int) -> None:
        super().__init__()
        self.trunk, (c3, c4, c5) = feature_trunk(trunk, trunk_kwargs)
        self.conv6 = nn.Conv2d(c5, width, 3, stride=2, padding=1)
        self.conv7 = nn.Conv2d(width, width, 3, stride=2, padding=1)
        self.latlayer1 = nn.Conv2d(c5, width, 1)
        self.latlayer2 = nn.Conv2d(c4, width, 1)
        self.latlayer3 = nn.Conv2d(c3, width, 1)
        self.toplayer1 = nn.Conv2d(width, width, 3, padding=1)
        self.toplayer2 = nn.Conv2d(width, width, 3, padding=1)
        framework_init(self.trunk)

    def levels(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return p7 and the lateral maps of c5, c4, c3, all `width` wide."""
        c3, c4, c5 = self.trunk(image)
        p7 = _halved(self.conv7, _halved(self.conv6, c5).relu())
        return p7, self.latlayer1(c5), self.latlayer2(c4), self.latlayer3(c3)


def _halved(conv: nn.Conv2d, image: Tensor) -> Tensor:
    """Return what a 3x3 convolution of stride 2 makes of (B,C,h,w); of a single pixel its kernel's centre is enough.

    There oneDNN leaves the rest of the kernel's gradient unwritten in bfloat16: what memory held would be learned.
    """
    if image.shape[2:] == (1, 1):
        return F.conv2d(image, conv.weight[:, :, 1:2, 1:2], conv.bias)
    return conv(image)


class FusionNetwork(nn.Module):
    """The hierarchical fusion network: two pyramids averaged level by level, under a map head and a class head.

    The forward pass maps two (B,3,S,S) images in [0,1] to the map (B,1,h,w) in (0,1), h = w = an eighth of S rounded
    up, and to two logits (B,2), bona fide second.

    Args:
        trunk, trunk_kwargs, width: see `Pyramid`.
        dropout: before the linear layer of the class head.
        normalize_pattern: normalise the pattern by ImageNet's mean and deviation before its pyramid.
    """

    def __init__(
        self, trunk: str, trunk_kwargs: dict[str, Any], *, width: int, dropout: float, normalize_pattern: bool
    ) -> None:
        super().__init__()
        self.normalize_pattern = normalize_pattern
        self.rgb = Pyramid(trunk, trunk_kwargs, width)
        self.texture = Pyramid(trunk, trunk_kwargs, width)
        self.map_head = nn.Sequential(
            nn.Conv2d(width, width // 2, 3, padding=1), nn.ReLU(), nn.Conv2d(width // 2, 1, 1), nn.Sigmoid()
        )
        self.dropout = nn.Dropout(dropout)
        self.class_head = nn.Linear(width, 2)

    def start_from(self, trunk: str, pretrained: bool | str) -> None:
        """Load pretrained trunks as the published code does: both streams bit-identical, head convolutions near zero.

        Without pretrained weights everything keeps torch's default initialisation, and the streams differ.

        Raises:
            UserError: see `fastrain.networks.weights.load_trunk`.
        """
        if not load_trunk(self.rgb.trunk, trunk, pretrained):
            return
        self.texture.load_state_dict(self.rgb.state_dict())
        for layer in self.map_head:
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, std=0.01)
                nn.init.constant_(layer.bias, 0.0)  # type: ignore[arg-type]

    def forward(self, image: Tensor, pattern: Tensor) -> tuple[Tensor, Tensor]:
        p3, p7 = self.fused(image, pattern)
        return self.map_head(p3), self.class_head(self.dropout(p7.mean(dim=(2, 3))))

    def fused(self, image: Tensor, pattern: Tensor) -> tuple[Tensor, Tensor]:
        """Return the finest and the coarsest fused level: p3 at stride 8, p7 at stride 128."""
        if self.normalize_pattern:
            pattern = imagenet_normalized(pattern)
        streams = zip(self.rgb.levels(image), self.texture.levels(pattern), strict=True)
        p7, p5, m4, m3 = ((rgb + texture) / 2 for rgb, texture in streams)
        p4 = _mean_of(self.rgb.toplayer1, self.texture.toplayer1, _added(p5, m4))
        p3 = _mean_of(self.rgb.toplayer2, self.texture.toplayer2, _added(p4, m3))
        return p3, p7


def _added(coarse: Tensor, fine: Tensor) -> Tensor:
    return F.interpolate(coarse, size=fine.shape[-2:], mode="nearest") + fine


def _mean_of(rgb: nn.Conv2d, texture: nn.Conv2d, x: Tensor) -> Tensor:
    # Both see the same input, so the mean of the two convolutions is one convolution with the mean weights.
    assert rgb.bias is not None and texture.bias is not None
    return F.conv2d(x, (rgb.weight + texture.weight) / 2, (rgb.bias + texture.bias) / 2, padding=1)
