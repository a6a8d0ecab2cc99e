"""SA-FAS: keep the domains' features separable, and align the classifiers of the domains."""

from __future__ import annotations

from typing import ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD
from torch.optim.lr_scheduler import StepLR

from fasdata.errors import UserError
from fastrain.methods.base import Batch, Method, OptimSpec, StepContext
from fastrain.methods.sa_fas.network import HeadsNetwork, mean_cosine
from fastrain.methods.sa_fas.settings import SAFASSettings
from fastrain.networks.contrast import by_image, supervised_contrast
from fastrain.networks.domains import domain_losses
from fastrain.networks.trunk import imagenet_normalized, pooled_trunk
from fastrain.networks.weights import load_trunk

OPTIMISER = "all"


class SAFAS(Method):
    """Separability and alignment (Sun et al., CVPR 2023); equations in this folder's README.

    Raises:
        UserError: the trunk is unknown, its weights cannot be had, or there are fewer heads than sources.
    """

    name: ClassVar[str] = "sa_fas"
    Config: ClassVar[type[SAFASSettings]] = SAFASSettings
    default_view: ClassVar[str] = "square"
    views: ClassVar[int] = 2
    first_of_epoch: ClassVar[int] = 1

    seen: Tensor

    def __init__(self, config: SAFASSettings, *, n_domains: int, image_size: int) -> None:
        super().__init__(config, n_domains=n_domains, image_size=image_size)
        config.preflight()
        self.config = config
        trunk, width = pooled_trunk(config.trunk, config.trunk_kwargs)
        load_trunk(trunk, config.trunk, config.pretrained)
        self.n_heads = config.heads_for(n_domains)
        if self.n_heads < n_domains:
            raise UserError(
                f"{self.n_heads} heads cannot serve {n_domains} source domains", do=f"--set heads={n_domains}"
            )
        sign, biased = config.head != "linear", config.head != "sign_without_bias"
        self.network = HeadsNetwork(trunk, width, self.n_heads, scale=config.scale, sign=sign, biased=biased)
        if config.absent_heads_decay:  # which heads ever had a gradient
            self.register_buffer("seen", torch.zeros(self.n_heads, dtype=torch.bool))

    def configure(self) -> dict[str, OptimSpec]:
        config = self.config
        optimiser = SGD(self.parameters(), lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay)
        return {OPTIMISER: OptimSpec(optimiser, StepLR(optimiser, config.lr_step_epochs, gamma=config.lr_gamma))}

    def training_step(self, batch: Batch | None, ctx: StepContext) -> dict[str, Tensor]:
        assert batch is not None
        views = [self._normalized(view["rgb"]) for view in batch["views"]]
        features, logits = self.network(torch.cat(views))
        label, domain = (ctx.gathered(batch[name].repeat(len(views))) for name in ("label", "domain"))
        own = ctx.gathered(logits.gather(1, batch["domain"].repeat(len(views))[:, None]))
        classified = domain_losses(own, label, domain, self.n_heads, kind="bce", scale=1.0)
        contrast = self._contrast(features, batch, ctx)
        loss = classified.sum() + contrast
        ctx.zero_grad(OPTIMISER)
        ctx.backward(loss)
        self._leave_absent_heads(domain)
        ctx.step(OPTIMISER)
        terms = {"loss": loss, "loss_cls": classified.sum(), "loss_con": contrast}
        if self.config.align_epoch is not None and ctx.epoch > self.config.align_epoch:
            self.network.align(self.config.alpha)
        return {name: value.detach() for name, value in terms.items()}

    def predict(self, batch: Batch) -> Tensor:
        logits = self._logits(batch)
        return logits.sigmoid().mean(dim=1) if self.config.fuse == "probability" else logits.mean(dim=1).sigmoid()

    def log_odds(self, batch: Batch) -> Tensor:
        """Return those of the score, exact also where the heads are certain."""
        logits = self._logits(batch)
        if self.config.fuse == "logit":
            return logits.mean(dim=1)
        return F.logsigmoid(logits).logsumexp(dim=1) - F.logsigmoid(-logits).logsumexp(dim=1)

    def cosine(self) -> Tensor:
        """Return the mean cosine between two heads, which the published log calls their angle."""
        return mean_cosine(self.network.weight())

    def _logits(self, batch: Batch) -> Tensor:
        return cast(Tensor, self.network(self._normalized(batch["modalities"]["rgb"]))[1])

    def _contrast(self, features: Tensor, batch: Batch, ctx: StepContext) -> Tensor:
        """Return the weighted contrastive loss; its classes are the labels of each domain."""
        if not self.config.contrastive_weight:
            return features.new_zeros(())
        vectors = ctx.gathered(by_image(features, self.views))
        loss = supervised_contrast(vectors, ctx.gathered(batch["group"]), self.config.temperature)
        return self.config.contrastive_weight * loss

    def _leave_absent_heads(self, domain: Tensor) -> None:
        """Take the gradients of zeros from heads whose domain the batch lacks, so that nothing moves them."""
        present = torch.bincount(domain, minlength=self.n_heads) > 0
        if self.config.absent_heads_decay:
            self.seen |= present
            present = self.seen
        for head, there in zip(self.network.heads, present.tolist(), strict=True):
            for parameter in cast(nn.Linear, head).parameters() if not there else ():
                parameter.grad = None

    def _normalized(self, image: Tensor) -> Tensor:
        return imagenet_normalized(image) if self.config.normalize else image
