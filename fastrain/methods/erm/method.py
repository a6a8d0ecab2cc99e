"""ERM: plain cross entropy on all source domains at once, the baseline of every table."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, StepLR

from fastrain.methods.base import Batch, Method, OptimSpec, StepContext
from fastrain.methods.erm.settings import ERMSettings
from fastrain.networks.fusion import stacked, widen_first_layer
from fastrain.networks.normalize import statistics_of
from fastrain.networks.trunk import pooled_trunk
from fastrain.networks.weights import load_trunk


class ERM(Method):
    """A trunk, a linear layer with two outputs, and the mean cross entropy over a domain-balanced batch.

    With several modalities the trunk's first layer is widened to take them stacked (see `fastrain.networks.fusion`).

    Raises:
        UserError: the trunk is unknown or its weights cannot be had.
    """

    name: ClassVar[str] = "erm"
    Config: ClassVar[type[ERMSettings]] = ERMSettings
    default_view: ClassVar[str] = "mxnet-256"

    def __init__(self, config: ERMSettings, *, n_domains: int, image_size: int) -> None:
        super().__init__(config, n_domains=n_domains, image_size=image_size)
        config.preflight()
        self.config = config
        self.trunk, width = pooled_trunk(config.trunk, config.trunk_kwargs)
        self.head = nn.Linear(width, 2)
        load_trunk(self.trunk, config.trunk, config.pretrained)
        self.modalities = config.modalities
        widen_first_layer(self.trunk, config.modalities)
        self._statistics = statistics_of(config.trunk) if config.normalize else None
        if config.freeze_trunk:
            self.trunk.requires_grad_(False)

    def configure(self) -> dict[str, OptimSpec]:
        optimiser = self._optimiser()
        return {"all": OptimSpec(optimiser, self._schedule(optimiser), every="epoch")}

    def training_step(self, batch: Batch | None, ctx: StepContext) -> dict[str, Tensor]:
        assert batch is not None
        if self.config.freeze_trunk:
            self.trunk.eval()  # its statistics stay too
        loss = F.cross_entropy(self._logits(batch), batch["label"])
        ctx.zero_grad("all")
        ctx.backward(loss)
        ctx.step("all")
        return {"loss": loss.detach()}

    def predict(self, batch: Batch) -> Tensor:
        return self._logits(batch).softmax(dim=1)[:, 1]

    def _logits(self, batch: Batch) -> Tensor:
        image = stacked(batch, self.modalities, self._statistics)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.config.freeze_trunk):
            features = self.trunk(image)
        return self.head(features)

    def _optimiser(self) -> Optimizer:
        config = self.config
        learnt = [parameter for parameter in self.parameters() if parameter.requires_grad]
        if config.optimiser == "adamw":
            return AdamW(learnt, lr=config.lr, weight_decay=config.weight_decay)
        return SGD(learnt, lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay)

    def _schedule(self, optimiser: Optimizer) -> LRScheduler | None:
        config = self.config
        if config.schedule == "step":
            return StepLR(optimiser, config.schedule_epochs, gamma=config.schedule_factor)
        if config.schedule == "cosine":
            return CosineAnnealingLR(optimiser, config.schedule_epochs, eta_min=config.lr * config.schedule_factor)
        return None
