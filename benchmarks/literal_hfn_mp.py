"""The training iteration of HFN_MP as the published code performs it, for timing ours against it.

Names and order of work are the published ones; nothing is left out that it computes and nothing is added: the decoder
runs although its loss has weight zero, the pattern is normalised sample by sample, map targets of five sizes are made
and one is used, and every backward pass goes through both networks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import resnet50
from torchvision.transforms.functional import normalize

Draw = Callable[[Sequence[int]], tuple[Tensor, Tensor]]
"""Images (N,3,S,S) and labels (N,) of the next batch of some domains."""


class Extractor(nn.Module):
    """Encoder and decoder, both run in every forward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = self._stack(), self._stack()

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        pattern = self.encoder(image)
        return pattern, self.decoder(pattern)

    @staticmethod
    def _stack() -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(3, 6, 3, 1, 1), nn.BatchNorm2d(6), nn.ReLU(),
            nn.Conv2d(6, 3, 3, 1, 1), nn.BatchNorm2d(3), nn.Sigmoid(),
        )  # fmt: skip


class Stream(nn.Module):
    """A residual trunk and the convolutions of its pyramid."""

    def __init__(self) -> None:
        super().__init__()
        trunk = resnet50(weights=None)
        self.conv1, self.bn1, self.relu, self.maxpool = trunk.conv1, trunk.bn1, trunk.relu, trunk.maxpool
        self.layer1, self.layer2, self.layer3, self.layer4 = trunk.layer1, trunk.layer2, trunk.layer3, trunk.layer4
        self.conv6 = nn.Conv2d(2048, 256, 3, 2, 1)
        self.conv7 = nn.Conv2d(256, 256, 3, 2, 1)
        self.latlayer1 = nn.Conv2d(2048, 256, 1)
        self.latlayer2 = nn.Conv2d(1024, 256, 1)
        self.latlayer3 = nn.Conv2d(512, 256, 1)
        self.toplayer1 = nn.Conv2d(256, 256, 3, 1, 1)
        self.toplayer2 = nn.Conv2d(256, 256, 3, 1, 1)

    def trunk(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        c2 = self.layer1(self.maxpool(self.relu(self.bn1(self.conv1(x)))))
        c3 = self.layer2(c2)
        c4 = self.layer3(c3)
        return c3, c4, self.layer4(c4)


class Streams(nn.Module):
    """Both streams, averaged level by level."""

    def __init__(self) -> None:
        super().__init__()
        self.fpn_rgb, self.fpn_tex = Stream(), Stream()

    def forward(self, image: Tensor, pattern: Tensor) -> tuple[Tensor, Tensor]:
        r, t = self.fpn_rgb, self.fpn_tex
        r3, r4, r5 = r.trunk(image)
        t3, t4, t5 = t.trunk(pattern)
        p7 = (r.conv7(F.relu(r.conv6(r5))) + t.conv7(F.relu(t.conv6(t5)))) / 2
        p5 = (r.latlayer1(r5) + t.latlayer1(t5)) / 2
        q4 = _enlarged(p5, (r.latlayer2(r4) + t.latlayer2(t4)) / 2)
        p4 = (r.toplayer1(q4) + t.toplayer1(q4)) / 2
        q3 = _enlarged(p4, (r.latlayer3(r3) + t.latlayer3(t3)) / 2)
        return (r.toplayer2(q3) + t.toplayer2(q3)) / 2, p7


class Network(nn.Module):
    """The fusion network: a list with one map and a list with one pair of logits."""

    def __init__(self) -> None:
        super().__init__()
        self.fpn = Streams()
        self.pred_head_0 = nn.Sequential(
            nn.Conv2d(256, 128, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(128, 1, 1), nn.Sigmoid()
        )
        self.cls_heads = nn.Linear(256, 2)

    def forward(self, image: Tensor, pattern: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        mean, deviation = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
        normal = torch.stack([normalize(single, mean, deviation) for single in pattern])
        p3, p7 = self.fpn(image, normal)
        pooled = F.dropout(p7.mean(dim=(2, 3)), 0.0, self.training)
        return [self.pred_head_0(p3)], [self.cls_heads(pooled)]


class LiteralHFNMP:
    """The networks, the two optimisers (SGD) and one iteration of meta training."""

    def __init__(self, *, lr: float = 0.001, inner_loops: int = 4, momentum: float = 0.9) -> None:
        self.extractor, self.network = Extractor(), Network()
        self.inner_loops = inner_loops
        self.lr, self.momentum = lr, momentum

    def optimisers(self) -> None:
        """Make the optimisers; after weights have been loaded or moved."""
        self.of_network = torch.optim.SGD(self.network.parameters(), self.lr, momentum=self.momentum)
        lr = self.lr * self.inner_loops
        self.of_extractor = torch.optim.SGD(self.extractor.parameters(), lr, momentum=self.momentum)

    def iteration(self, meta_train: Sequence[int], meta_test: Sequence[int], draw: Draw) -> list[float]:
        """Do one iteration and return its losses in order: reconstruction, map, class of every forward pass."""
        self.extractor.train()
        self.network.train()
        seen: list[float] = []
        for _ in range(self.inner_loops):
            image, label = draw(meta_test)
            rec, map_, cls = self._losses(image, label)
            self.of_extractor.zero_grad()
            (map_ + cls + 0 * rec).backward()
            self.of_extractor.step()
            seen += [rec.item(), map_.item(), cls.item()]
        image, label = draw(meta_train)
        _, map_, cls = self._losses(image, label)
        self.of_network.zero_grad()
        ((map_ + cls) / 2).backward()
        self.of_network.step()
        return [*seen, map_.item(), cls.item()]

    def _losses(self, image: Tensor, label: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        pattern, reconstruction = self.extractor(image)
        maps, logits = self.network(image, pattern)
        size = maps[0].shape[-1]
        targets = [label.to(image).view(-1, 1, 1).expand(-1, s, s).clone() for s in (size, 16, 8, 4, 2)]
        rec = F.mse_loss(reconstruction, image)
        return rec, F.mse_loss(maps[0].squeeze(), targets[0]), F.cross_entropy(logits[0], label)


def _enlarged(coarse: Tensor, fine: Tensor) -> Tensor:
    return F.interpolate(coarse, size=fine.shape[-2:], mode="nearest") + fine
