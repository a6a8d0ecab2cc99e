"""One stream of the fusion network: a trunk and the convolutions around it."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from fastrain.networks.trunk import feature_trunk, framework_init


class Pyramid(nn.Module):
    """A trunk with levels c3, c4, c5, two convolutions beyond c5, and the lateral and top layers of a feature pyramid.

    How two streams meet between these layers is the fusion network's business, so there is no forward pass here but
    `levels`.

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
        """Return what this stream alone can compute: p7, and the lateral maps of c5, c4, c3, all `width` wide."""
        c3, c4, c5 = self.trunk(image)
        p7 = self.conv7(self.conv6(c5).relu())
        return p7, self.latlayer1(c5), self.latlayer2(c4), self.latlayer3(c3)
