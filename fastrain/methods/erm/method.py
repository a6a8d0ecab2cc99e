"""ERM: plain cross entropy on all source domains at once, the baseline of every table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import deepcopy
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, StepLR

from fastrain.methods.base import Batch, Method, OptimSpec, StepContext
from fastrain.methods.erm.settings import ERMSettings
from fastrain.networks.fine_tuning import fix, fixed_entries, hold_still, learns, rates_by_depth
from fastrain.networks.lora import LoRA, merge_adapters, put_adapters
from fastrain.networks.modality_fusion import availability, mean_of_available, stacked, widen_first_layer
from fastrain.networks.trunk import pooled_trunk, statistics_of
from fastrain.networks.weights import load_trunk


class ERM(Method):
    """A trunk, a linear layer with two outputs, and the mean cross entropy over a domain-balanced batch.

    Several modalities are either stacked for a trunk whose first layer is widened, or get a trunk and a linear layer
    each, whose scores are averaged (see `fastrain.networks.modality_fusion`). Of a frozen trunk the last blocks, or
    adapters beside its weights, may learn (`fastrain.networks.fine_tuning`, `fastrain.networks.lora`).

    Raises:
        UserError: the trunk is unknown, its weights cannot be had, or it has not what is to learn.
    """

    name: ClassVar[str] = "erm"
    Config: ClassVar[type[ERMSettings]] = ERMSettings
    default_view: ClassVar[str] = "mxnet-256"

    def __init__(self, config: ERMSettings, *, n_domains: int, image_size: int) -> None:
        super().__init__(config, n_domains=n_domains, image_size=image_size)
        config.preflight()
        self.config = config
        self.modalities = config.modalities
        self.late = config.fusion == "late"
        self.trunk: nn.Module
        self.head: nn.Module
        if self.late:
            trunks = {name: self._trunk((name,), f"trunk.{name}.") for name in config.modalities}
            self.trunk = nn.ModuleDict({name: trunk for name, (trunk, _) in trunks.items()})
            self.head = nn.ModuleDict({name: head for name, (_, head) in trunks.items()})
        else:
            self.trunk, self.head = self._trunk(config.modalities, "trunk.")
        self._statistics = statistics_of(config.trunk) if config.normalize else None

    def configure(self) -> dict[str, OptimSpec]:
        optimiser = self._optimiser()
        return {"all": OptimSpec(optimiser, self._schedule(optimiser), every="epoch")}

    def training_step(self, batch: Batch | None, ctx: StepContext) -> dict[str, Tensor]:
        assert batch is not None
        for trunk in self._trunks():
            hold_still(trunk)
        loss, terms = self.loss(batch)
        ctx.zero_grad("all")
        ctx.backward(loss)
        ctx.step("all")
        return {"loss": loss.detach(), **{f"loss_{name}": value.detach() for name, value in terms.items()}}

    def predict(self, batch: Batch) -> Tensor:
        return self.scores(batch)["score"]

    def predict_parts(self, batch: Batch) -> dict[str, Tensor]:
        return {name: value for name, value in self.scores(batch).items() if name != "score"}

    def scores(self, batch: Batch) -> dict[str, Tensor]:
        logits = self.logits(batch)
        if not self.late:
            return {"score": logits.softmax(dim=1)[:, 1]}
        apart = logits.softmax(dim=2)[..., 1]
        score = mean_of_available(apart, availability(batch, self.modalities, apart))
        return {"score": score, **{name: apart[:, k] for k, name in enumerate(self.modalities)}}

    def log_odds(self, batch: Batch) -> Tensor:
        """Return those of the score: in late fusion of the mean of the available modalities' probabilities."""
        logits = self.logits(batch)
        if not self.late:
            return logits[:, 1] - logits[:, 0]
        each = logits.log_softmax(dim=2)
        available = availability(batch, self.modalities, each)
        counted = (available > 0) | (available == 0).all(dim=1, keepdim=True)
        summed = each.masked_fill(~counted[..., None], -torch.inf).logsumexp(dim=1)
        return summed[:, 1] - summed[:, 0]

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss and, in late fusion, its terms: the mean cross entropy of the faces with each modality."""
        logits, label = self.logits(batch), batch["label"]
        if not self.late:
            return F.cross_entropy(logits, label), {}
        each = F.cross_entropy(logits.transpose(1, 2), label[:, None].expand(-1, logits.shape[1]), reduction="none")
        available = availability(batch, self.modalities, each)
        terms = (each * available).sum(dim=0) / available.sum(dim=0).clamp(min=1)  # no face with it: 0, no gradient
        loss = mean_of_available(terms[None], available.amax(dim=0)[None])[0]
        return loss, dict(zip(self.modalities, terms, strict=True))

    def logits(self, batch: Batch) -> Tensor:
        """Return (B,2), and in late fusion (B,M,2)."""
        if not self.late:
            return self._outputs(self.trunk, self.head, batch, self.modalities)
        trunks, heads = cast(nn.ModuleDict, self.trunk), cast(nn.ModuleDict, self.head)
        apart = [self._outputs(trunks[name], heads[name], batch, (name,)) for name in self.modalities]
        return torch.stack(apart, dim=1)

    def _outputs(self, trunk: nn.Module, head: nn.Module, batch: Batch, modalities: Sequence[str]) -> Tensor:
        image = stacked(batch, modalities, self._statistics)
        with torch.set_grad_enabled(torch.is_grad_enabled() and learns(trunk)):
            features = trunk(image)
        return head(features)

    def for_deployment(self) -> Method:
        """Return itself, with adapters folded into the weights of a copy."""
        return cast(Method, merge_adapters(deepcopy(self))) if self.config.lora_rank else self

    # -- What learns --------------------------------------------------------------------------------------------------

    def _trunk(self, modalities: Sequence[str], prefix: str) -> tuple[nn.Module, nn.Linear]:
        """Return a trunk and its linear layer; note which of its entries, named with `prefix`, stay those of a file."""
        config = self.config
        trunk, width = pooled_trunk(config.trunk, config.kwargs_of_trunk(), self.image_size)
        head = nn.Linear(width, 2)
        read = load_trunk(trunk, config.trunk, config.pretrained)
        widen_first_layer(trunk, modalities)
        if config.freeze_trunk:
            fix(trunk, config.last_blocks)
        if config.lora_rank:
            channels = sum(3 if name == "rgb" else 1 for name in modalities)
            image = head.weight.new_zeros(1, channels, self.image_size, self.image_size)
            put_adapters(trunk, LoRA(config.lora_rank, config.lora_alpha, config.lora_layers), image)
        self.fixed |= {prefix + name: file for name, file in fixed_entries(trunk, read).items()}
        return trunk, head

    def _trunks(self) -> list[nn.Module]:
        return list(cast(nn.ModuleDict, self.trunk).values()) if self.late else [self.trunk]

    def _optimiser(self) -> Optimizer:
        config = self.config
        learnt: list[Any] = [parameter for parameter in self.parameters() if parameter.requires_grad]
        if config.layer_decay < 1:
            of_trunks = [
                group for trunk in self._trunks() for group in rates_by_depth(trunk, config.lr, config.layer_decay)
            ]
            learnt = [*of_trunks, {"params": list(self.head.parameters())}]
        if config.optimiser == "adamw":
            return AdamW(learnt, lr=config.lr, weight_decay=config.weight_decay)
        return SGD(learnt, lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay)

    def _schedule(self, optimiser: Optimizer) -> LRScheduler | None:
        config = self.config
        if config.schedule == "step":
            return StepLR(optimiser, config.schedule_epochs, gamma=config.schedule_factor)
        if config.schedule == "cosine":
            return LambdaLR(optimiser, lambda epoch: self._part_of_rate(epoch))
        return None

    def _part_of_rate(self, epoch: int) -> float:
        """Return what part of each learning rate is left after so many epochs of a cosine."""
        end = self.config.schedule_factor
        return end + (1 - end) * (1 + math.cos(math.pi * epoch / self.config.schedule_epochs)) / 2
