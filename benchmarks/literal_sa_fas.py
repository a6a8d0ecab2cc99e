"""The training step of SA-FAS as the published code performs it, for timing ours against it.

Each head gets the images of its own domain; a scale of each image is computed whether it is used or not; the heads are
turned one by one, with the numbers that are logged brought to the host.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.literal_gac_fas import contrastive


class LiteralSAFAS:
    """A step around `network` (of `trunk` and three `heads`), with the published network's idle scale beside it."""

    def __init__(
        self,
        network: nn.Module,
        width: int,
        *,
        lr: float = 0.005,
        momentum: float = 0.9,
        weight_decay: float = 5e-4,
        contrast: float = 0.1,
        temperature: float = 0.1,
        alpha: float = 0.995,
        scale: float = 1.0,
    ) -> None:
        self.network = network
        first = next(network.parameters())
        self.idle = nn.Sequential(nn.Linear(width, 1), nn.BatchNorm1d(1)).to(first.device, first.dtype)
        self.contrast, self.temperature, self.alpha, self.scale = contrast, temperature, alpha, scale
        parameters = [*network.parameters(), *self.idle.parameters()]
        self.optimiser = torch.optim.SGD(parameters, lr=lr, momentum=momentum, weight_decay=weight_decay)

    def step(self, first: Tensor, second: Tensor, label: Tensor, domain: Tensor, *, align: bool = True) -> None:
        """Do one step on two views of N images, their labels and their domains."""
        self.network.train()
        features = self.network.trunk(torch.cat([first, second]))
        self.idle(features).exp()
        labels, domains = label.repeat(2), domain.repeat(2)
        heads = cast(nn.ModuleList, self.network.heads)
        losses = []
        for k, head in enumerate(heads):
            mine = domains == k
            if mine.sum() == 0:
                losses.append(torch.zeros((), dtype=features.dtype, device=features.device))
                continue
            chance = torch.sigmoid(self.scale * head(features[mine])).squeeze(1)
            losses.append(F.binary_cross_entropy(chance, labels[mine].to(chance)))
        loss = sum(losses) / len(heads)
        if self.contrast:
            ahead, behind = F.normalize(features).split(len(first))
            stacked = torch.stack([ahead, behind], dim=1)
            loss = loss + self.contrast * contrastive(stacked, 10 * domain + label, self.temperature)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        if align:
            self._align(heads)

    @torch.no_grad()
    def _align(self, heads: nn.ModuleList) -> None:
        weights = [cast(Tensor, head.weight).clone() for head in heads]
        lengths = [weight.norm() for weight in weights]
        directions = [weight / (length + 1e-10) for weight, length in zip(weights, lengths, strict=True)]
        turned = []
        for k, direction in enumerate(directions):
            others = [j for j in range(len(directions)) if j != k]
            cosines = [(direction * directions[j]).sum().item() for j in others]
            farthest = directions[others[cosines.index(min(cosines))]]
            mixed = self.alpha * direction + (1 - self.alpha) * farthest
            turned.append(lengths[k] * mixed / (mixed.norm() + 1e-10))
        for head, weight in zip(heads, turned, strict=True):
            cast(nn.Parameter, head.weight).copy_(weight)
