"""SSDG: make bona fide faces of all domains indistinguishable, and keep each domain's attacks apart."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD
from torch.optim.lr_scheduler import MultiStepLR

from fasdata.errors import UserError
from fastrain.methods.base import Batch, Method, OptimSpec, StepContext
from fastrain.methods.ssdg.network import Discriminator, PlainTrunk, SSDGNetwork, start_anew
from fastrain.methods.ssdg.settings import SSDGSettings
from fastrain.networks.contrast import every_triplet
from fastrain.networks.trunk import imagenet_normalized, pooled_trunk
from fastrain.networks.weights import load_trunk

OPTIMISER = "all"


class SSDG(Method):
    """Single-side domain generalisation (Jia et al., CVPR 2020); equations in this folder's README.

    Raises:
        UserError: the trunk is unknown, its weights cannot be had, it has no last stage to start anew, or the
            discriminator has fewer outputs than there are sources.
    """

    name: ClassVar[str] = "ssdg"
    Config: ClassVar[type[SSDGSettings]] = SSDGSettings
    default_view: ClassVar[str] = "mxnet-256"
    first_of_epoch: ClassVar[int] = 1

    def __init__(self, config: SSDGSettings, *, n_domains: int, image_size: int) -> None:
        super().__init__(config, n_domains=n_domains, image_size=image_size)
        config.preflight()
        self.config = config
        trunk, width = _trunk(config)
        self.network = SSDGNetwork(
            trunk,
            width,
            config.embedding,
            dropout=config.dropout,
            feature_norm=config.feature_norm,
            weight_norm_axis=config.weight_norm_axis,
        )
        outputs = config.domains_told(n_domains)
        if outputs < n_domains:
            raise UserError(
                f"a discriminator of {outputs} outputs cannot tell {n_domains} source domains",
                do=f"--set disc_outputs={n_domains}",
            )
        self.discriminator = Discriminator(config.embedding, outputs, dropout=config.dropout)

    def configure(self) -> dict[str, OptimSpec]:
        config = self.config
        optimiser = SGD(self.parameters(), lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay)
        schedule = MultiStepLR(optimiser, list(config.lr_steps), gamma=config.lr_gamma)
        return {OPTIMISER: OptimSpec(optimiser, schedule, every="iteration")}

    def training_step(self, batch: Batch | None, ctx: StepContext) -> dict[str, Tensor]:
        assert batch is not None
        features, logits = self.network(self._normalized(batch["modalities"]["rgb"]))
        features, logits, label, domain = (
            ctx.gathered(rows) for rows in (features, logits, batch["label"], batch["domain"])
        )
        with torch.autocast(features.device.type, enabled=False):
            classified = F.cross_entropy(logits, label)
            apart = self._apart(features, label, domain)
            adversarial = self._domains_told(features, label, domain, ctx.iteration)
            loss = classified + self.config.lambda_triplet * apart + self.config.lambda_adversarial * adversarial
        ctx.zero_grad(OPTIMISER)
        ctx.backward(loss)
        ctx.step(OPTIMISER)
        self.network.project()
        terms = {"loss": loss, "loss_cls": classified, "loss_triplet": apart, "loss_adv": adversarial}
        return {name: value.detach() for name, value in terms.items()}

    def predict(self, batch: Batch) -> Tensor:
        return self._logits(batch).softmax(dim=1)[:, 1]

    def log_odds(self, batch: Batch) -> Tensor:
        """Return those of the score: the difference of the two logits."""
        logits = self._logits(batch)
        return logits[:, 1] - logits[:, 0]

    def _logits(self, batch: Batch) -> Tensor:
        return self.network(self._normalized(batch["modalities"]["rgb"]))[1]

    def _apart(self, features: Tensor, label: Tensor, domain: Tensor) -> Tensor:
        """Return the asymmetric triplet loss: bona fide faces are of one kind, attacks of one kind a domain."""
        kind = torch.where(label == 1, 0, 1 + domain)
        return every_triplet(features, kind, 1 + self.n_domains, self.config.margin)

    def _domains_told(self, features: Tensor, label: Tensor, domain: Tensor, iteration: int) -> Tensor:
        """Return the discriminator's loss on bona fide faces; 0 in a batch without."""
        live = label == 1
        strength = reversal(iteration, self.config.grl_horizon)
        logits = self.discriminator(features[live], strength)
        return F.cross_entropy(logits, domain[live], reduction="sum") / live.sum().clamp(min=1)

    def _normalized(self, image: Tensor) -> Tensor:
        return imagenet_normalized(image) if self.config.normalize else image


def reversal(iteration: int, horizon: int) -> float:
    """Return how strongly gradients are reversed in an iteration, counted from 1: from 0 to nearly 1 at `horizon`.

    >>> [round(reversal(iteration, 4000), 3) for iteration in (1, 400, 4000)]
    [0.001, 0.462, 1.0]
    """
    return math.tanh(5 * iteration / horizon)


def _trunk(config: SSDGSettings) -> tuple[nn.Module, int]:
    if config.plain:
        plain = PlainTrunk(**config.trunk_kwargs, bn_init=config.norms_start_at)
        return plain, plain.width
    trunk, width = pooled_trunk(config.trunk, config.trunk_kwargs)
    load_trunk(trunk, config.trunk, config.pretrained)
    if config.layer4_init == "random":
        stage = getattr(trunk, "layer4", None)
        if not isinstance(stage, nn.Module):
            raise UserError(
                f"trunk {config.trunk!r} has no last stage of a residual network to start anew",
                do="--set layer4_init=imagenet, which starts it with its pretrained weights",
            )
        start_anew(stage)
    return trunk, width
