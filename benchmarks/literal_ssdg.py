"""The training step of SSDG as the published code performs it, for timing ours against it.

The classifier's weights are brought back in every forward pass, of training and evaluation; the triplet loss makes
tensors of all N x N x N triplets and masks them; the discriminator is called through a counter of its own.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class _Backwards(torch.autograd.Function):
    @staticmethod
    def forward(ctx, features: Tensor, coefficient: float) -> Tensor:  # type: ignore[no-untyped-def, override]
        ctx.coefficient = coefficient
        return features * 1.0

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[no-untyped-def, override]
        return -ctx.coefficient * gradient, None


class LiteralSSDG:
    """A step around `network` (of `trunk`, `bottleneck`, `dropout`, `classifier`) and `discriminator`.

    `normed` is the published norm_flag; `triplet` and `adversarial` weigh their losses.
    """

    def __init__(
        self,
        network: nn.Module,
        discriminator: nn.Module,
        *,
        triplet: float = 1.0,
        adversarial: float = 0.5,
        margin: float = 0.1,
        lr: float = 0.001,
        momentum: float = 0.9,
        weight_decay: float = 5e-4,
        normed: bool = True,
    ) -> None:
        self.network, self.discriminator = network, discriminator
        self.triplet, self.adversarial, self.margin, self.normed = triplet, adversarial, margin, normed
        self.count = 0
        groups = [{"params": network.parameters()}, {"params": discriminator.parameters()}]
        self.optimiser = torch.optim.SGD(groups, lr=lr, momentum=momentum, weight_decay=weight_decay)

    def step(self, images: Tensor, label: Tensor, domain: Tensor) -> dict[str, Tensor]:
        """Do one step on N images, their labels and domains; return the three losses, unweighted."""
        self.network.train()
        self.discriminator.train()
        self.optimiser.zero_grad()
        features, logits = self.forward(images)
        live = label == 1
        kind = torch.where(live, torch.zeros_like(domain), domain + 1)
        losses = {
            "triplet": all_triplets(features, kind, self.margin),
            "adv": F.cross_entropy(self.domains(features[live]), domain[live]),
            "cls": F.cross_entropy(logits, label),
        }
        (losses["cls"] + self.triplet * losses["triplet"] + self.adversarial * losses["adv"]).backward()
        self.optimiser.step()
        return losses

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return features and logits; with `normed` the classifier's weights are brought back before."""
        network = self.network
        hidden = network.dropout(F.relu(network.bottleneck(network.trunk(images))))
        head = network.classifier
        if self.normed:
            length = torch.norm(hidden, p=2, dim=1, keepdim=True).clamp(min=1e-12)
            hidden = hidden / (length**0.5 * 2**0.5)
            head.weight.data = head.weight.data / torch.norm(head.weight.data, p=2, dim=0, keepdim=True)
        return hidden, head(hidden)

    def domains(self, live: Tensor) -> Tensor:
        """Return the discriminator's logits of bona fide features."""
        self.count += 1
        coefficient = 2.0 / (1.0 + math.exp(-10.0 * self.count / 4000.0)) - 1.0
        layers = self.discriminator
        return layers.outputs(layers.dropout(F.relu(layers.hidden(_Backwards.apply(live, coefficient)))))


def all_triplets(features: Tensor, kind: Tensor, margin: float) -> Tensor:
    """Return the mean over the active ones of all triplets of a batch, by masks over N x N x N."""
    products = features @ features.t()
    lengths = torch.diag(products)
    squares = F.relu(lengths.view(1, -1) - 2.0 * products + lengths.view(-1, 1))
    zero = (squares == 0).to(squares)
    apart = ((squares + zero * 1e-16).sqrt()) * (1.0 - zero)
    terms = apart.unsqueeze(2) - apart.unsqueeze(1) + margin
    alike = kind.unsqueeze(0) == kind.unsqueeze(1)
    different = ~torch.eye(len(kind), dtype=torch.bool, device=kind.device)
    distinct = different.unsqueeze(2) & different.unsqueeze(1) & different.unsqueeze(0)
    valid = distinct & alike.unsqueeze(2) & ~alike.unsqueeze(1)
    terms = F.relu(valid.to(terms) * terms)
    active = (terms > 1e-16).to(terms).sum()
    return terms.sum() / (active + 1e-16)
