"""GAC-FAS: climb each source domain's loss, and descend by the gradients of the points reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor, nn
from torch.optim import SGD
from torch.optim.lr_scheduler import StepLR

from fasdata.errors import UserError
from fastrain.methods.base import Batch, Method, OptimSpec, StepContext
from fastrain.methods.gac_fas.ascent import Ascent
from fastrain.methods.gac_fas.network import CosineNetwork
from fastrain.methods.gac_fas.settings import GACFASSettings
from fastrain.networks.contrast import by_image, supervised_contrast
from fastrain.networks.displacement import displaced
from fastrain.networks.domains import domain_losses
from fastrain.networks.trunk import imagenet_normalized, pooled_trunk
from fastrain.networks.weights import load_trunk

OPTIMISER = "all"


@dataclass(frozen=True)
class _Step:
    """The inputs of an iteration: all views' images, and label and domain of the images of all devices.

    Domains are numbered in the order of `domain_order` where that matters.
    """

    images: Tensor
    label: Tensor
    domain: Tensor


class GACFAS(Method):
    """Gradient alignment for face anti-spoofing (Le and Woo, CVPR 2024); equations in this folder's README.

    Raises:
        UserError: the trunk is unknown, its weights cannot be had, or `domain_order` is for another number of domains.
    """

    name: ClassVar[str] = "gac_fas"
    Config: ClassVar[type[GACFASSettings]] = GACFASSettings
    default_view: ClassVar[str] = "box"
    views: ClassVar[int] = 2
    first_of_epoch: ClassVar[int] = 1

    def __init__(self, config: GACFASSettings, *, n_domains: int, image_size: int) -> None:
        super().__init__(config, n_domains=n_domains, image_size=image_size)
        config.preflight()
        self.config = config
        self._place = _places(config, n_domains)
        trunk, width = pooled_trunk(config.trunk, config.trunk_kwargs)
        load_trunk(trunk, config.trunk, config.pretrained)
        self.network = CosineNetwork(trunk, width, config.outputs, dropout=config.dropout)

    def configure(self) -> dict[str, OptimSpec]:
        config = self.config
        trunk = {"params": list(self.network.trunk.parameters()), "lr": config.lr}
        head = {"params": list(self.network.head.parameters()), "lr": config.lr * config.head_lr_scale}
        optimiser = SGD([trunk, head], momentum=config.momentum, weight_decay=config.weight_decay)
        return {OPTIMISER: OptimSpec(optimiser, StepLR(optimiser, config.lr_step_epochs, gamma=config.lr_gamma))}

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        if self.config.freeze_norm:
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d | nn.SyncBatchNorm):
                    module.eval()
        return self

    def training_step(self, batch: Batch | None, ctx: StepContext) -> dict[str, Tensor]:
        assert batch is not None
        step = self._step(batch, ctx)
        epoch = ctx.epoch - 1
        with torch.set_grad_enabled(epoch >= self.config.warming_epochs):
            features = self.network.features(step.images)
        classified = self._classified(self.network.cosines(features), step, ctx)
        contrast = self._contrast(features, batch, ctx)
        ctx.zero_grad(OPTIMISER)
        if epoch < max(self.config.warming_epochs, self.config.minimizer_warming):
            ctx.backward(classified.sum() + contrast)
            ascended = None
        else:
            ascended = self._climb(step, classified, contrast, ctx)
        ctx.step(OPTIMISER)
        terms = {"": classified.sum() + contrast, "cls": classified.sum(), "con": contrast}
        if ascended is not None:
            terms["ascended"] = ascended
        return {f"loss_{name}" if name else "loss": value.detach() for name, value in terms.items()}

    def predict(self, batch: Batch) -> Tensor:
        cosines = self._cosines(batch)
        return cosines[:, 0] if self.config.outputs == 1 else cosines.softmax(dim=1)[:, 1]

    def log_odds(self, batch: Batch) -> Tensor:
        """Return those of the classification loss: the cosine, or the difference of two, times the loss's scale."""
        cosines = self._cosines(batch)
        return self.config.scale * (cosines[:, 0] if self.config.outputs == 1 else cosines[:, 1] - cosines[:, 0])

    def _cosines(self, batch: Batch) -> Tensor:
        return self.network(self._normalized(batch["modalities"]["rgb"]))[1]

    def _climb(self, step: _Step, classified: Tensor, contrast: Tensor, ctx: StepContext) -> Tensor:
        """Accumulate the gradients here (their sum) and at the ascending points (their mean); return the loss there.

        A domain without images has a loss of exactly zero, and no ascending point, as published.
        """
        named = {name: weight for name, weight in self.network.named_parameters() if weight.requires_grad}
        names, parameters = list(named), list(named.values())
        present = [k for k, value in enumerate(classified.tolist()) if value != 0]
        again = contrast.requires_grad  # whether another pass goes back through the same graph
        gradients = {k: ctx.gradients(classified[k], parameters, keep_graph=again or k != present[-1]) for k in present}
        if again:
            ctx.backward(contrast)
        for domain_gradients in gradients.values():
            for parameter, gradient in zip(parameters, domain_gradients, strict=True):
                parameter.grad = gradient.clone() if parameter.grad is None else parameter.grad.add_(gradient)
        offsets = self._ascent(names, parameters, gradients).offsets()
        losses = []
        for k in present:
            with displaced(self, parameters, offsets.pop(k)):
                loss = self._classified(self._ascended_cosines(step.images), step, ctx).sum()
                ctx.backward(loss / len(present))
            losses.append(loss.detach())
        return torch.stack(losses).mean() if losses else classified.new_zeros(())

    def _ascent(self, names: list[str], parameters: list[nn.Parameter], gradients: dict[int, list[Tensor]]) -> Ascent:
        config = self.config
        return Ascent(
            names,
            parameters,
            gradients,
            self.n_domains,
            rho=config.rho,
            alpha=config.alpha,
            eta=config.eta,
            adaptive=config.adaptive,
            running_total=config.behaviour != "corrected",
        )

    def _ascended_cosines(self, images: Tensor) -> Tensor:
        with torch.set_grad_enabled(self.config.behaviour != "released"):
            features = self.network.features(images)
        return self.network.cosines(features)

    def _step(self, batch: Batch, ctx: StepContext) -> _Step:
        views = [self._normalized(view["rgb"]) for view in batch["views"]]
        label, domain = (ctx.gathered(batch[name].repeat(len(views))) for name in ("label", "domain"))
        if self._place is not None:
            domain = torch.tensor(self._place, device=domain.device)[domain]
        return _Step(torch.cat(views), label, domain)

    def _classified(self, cosines: Tensor, step: _Step, ctx: StepContext) -> Tensor:
        config = self.config
        return domain_losses(
            ctx.gathered(cosines), step.label, step.domain, self.n_domains, kind=config.loss, scale=config.scale
        )

    def _contrast(self, features: Tensor, batch: Batch, ctx: StepContext) -> Tensor:
        """Return the weighted contrastive loss; its classes are the labels of each domain."""
        if not self.config.contrastive_weight:
            return features.new_zeros(())
        vectors = ctx.gathered(by_image(features, self.views))
        loss = supervised_contrast(vectors, ctx.gathered(batch["group"]), self.config.temperature)
        return self.config.contrastive_weight * loss

    def _normalized(self, image: Tensor) -> Tensor:
        return imagenet_normalized(image) if self.config.normalize else image


def _places(config: GACFASSettings, n_domains: int) -> list[int] | None:
    """Return the place of each domain in the running total; None for the order of their numbers."""
    order = config.domain_order
    if order is None or config.behaviour == "corrected":  # a sum has no order
        return None
    if len(order) != n_domains:
        raise UserError(
            f"domain_order is for {len(order)} source domains",
            found=str(n_domains),
            do="--set domain_order=null, or a list of as many",
        )
    return [order.index(domain) for domain in range(n_domains)]
