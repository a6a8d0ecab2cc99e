"""MMDG: three streams of one frozen transformer, whose gradients are rebalanced between fast and slow modalities."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam

from fasdata.errors import UserError
from fastrain.methods.base import Batch, Method, OptimSpec, StepContext
from fastrain.methods.mmdg.adapters import Chance, SeededChance, TorchChance
from fastrain.methods.mmdg.infrared import stacked
from fastrain.methods.mmdg.network import Outcome, ThreeStreams
from fastrain.methods.mmdg.rebalancing import (
    PUBLISHED_CLASSES,
    averaged,
    class_ids,
    prototype_loss,
    rebalanced,
)
from fastrain.methods.mmdg.settings import MMDGSettings
from fastrain.networks.trunk import pooled_trunk
from fastrain.networks.weights import load_trunk

OPTIMISER = "all"
CHANNELS = {"rgb": (3,), "depth": (1, 3), "ir": (1, 3)}
MIDDLE, RANGE = 127.5 / 255, 128 / 255


def normalised(image: Tensor) -> Tensor:
    """Return images in [0,1] as the network takes them: an 8-bit number v becomes (v - 127.5) / 128."""
    return (image - MIDDLE) / RANGE


class MMDG(Method):
    """Suppress and rebalance (Lin et al., CVPR 2024); equations in this folder's README.

    Raises:
        UserError: the trunk is unknown or not a plain vision transformer, or its weights cannot be had.
    """

    name: ClassVar[str] = "mmdg"
    Config: ClassVar[type[MMDGSettings]] = MMDGSettings
    default_view: ClassVar[str] = "box-224"
    first_of_epoch: ClassVar[int] = 1

    prototypes: Tensor
    known: Tensor

    def __init__(self, config: MMDGSettings, *, n_domains: int, image_size: int) -> None:
        super().__init__(config, n_domains=n_domains, image_size=image_size)
        config.preflight()
        self.config = config
        self.modalities = config.modalities
        trunk, width = pooled_trunk(config.trunk, config.trunk_kwargs)
        load_trunk(trunk, config.trunk, config.pretrained)
        self.network = ThreeStreams(
            trunk,
            config.modalities,
            image_size=image_size,
            positions=config.positions,
            dropout=config.adapter_dropout,
        )
        classes = max(n_domains + 1, PUBLISHED_CLASSES)
        self.register_buffer("prototypes", torch.zeros(len(config.modalities), classes, width))
        self.register_buffer("known", torch.zeros(classes, dtype=torch.bool))
        self.chance: Chance = TorchChance()
        self._freeze()

    def configure(self) -> dict[str, OptimSpec]:
        learnt = [parameter for parameter in self.parameters() if parameter.requires_grad]
        return {OPTIMISER: OptimSpec(Adam(learnt, lr=self.config.lr, weight_decay=self.config.weight_decay))}

    def on_epoch_start(self, ctx: StepContext) -> None:
        """Gather the prototypes from a part of as many batches as an epoch has."""
        share = self.config.prototype_share
        if not share:
            return
        used = sum(ctx.python_random.random() <= share for _ in range(ctx.steps_per_epoch))
        training = self.training
        self.eval()
        sums, counts = torch.zeros_like(self.prototypes), torch.zeros_like(self.known, dtype=torch.int64)
        with torch.no_grad():
            for _ in range(max(1, used)):
                batch = ctx.draw(range(self.n_domains))
                outcome = self._outcome(batch, stack_infrared=self.config.ir_input == "mixed")
                features = ctx.gathered(outcome.features.transpose(0, 1)).transpose(0, 1)
                classes = ctx.gathered(class_ids(batch["domain"], batch["label"]))
                sums.index_add_(1, classes, features.to(sums.dtype))
                counts += torch.bincount(classes, minlength=len(counts))
        self.train(training)
        old = self.prototypes
        if self.config.proto_swap:
            old = old[[0, 2, 1]]
        prototypes, known = averaged(
            old, self.known, sums, counts, self.config.prototype_momentum, phantom=self.config.proto_phantom
        )
        self.prototypes.copy_(prototypes)
        self.known.copy_(known)

    def training_step(self, batch: Batch | None, ctx: StepContext) -> dict[str, Tensor]:
        assert batch is not None
        config = self.config
        outcome = self._outcome(batch)
        classified = F.cross_entropy(outcome.logits, batch["label"])
        apart = self._prototype_losses(outcome, batch, ctx)
        total = classified + apart.sum() if config.ssp_in_total else classified
        owned = {} if config.regrad == "off" else self.owned()
        shared = self._shared() if owned and config.regrad_shared == "sum" else []
        gradients: list[list[Tensor]] = []
        reached = [*owned, *shared]
        if reached:
            # One pass back for each loss, to the weights that get its gradient and to no other.
            gradients = [ctx.gradients(loss, reached, keep_graph=True) for loss in apart]
        ctx.zero_grad(OPTIMISER)
        ctx.backward(total)
        certain = ctx.gathered(outcome.certain.transpose(0, 1)).mean(dim=0)
        if reached:
            self._rebalance(owned, shared, gradients, apart.detach(), certain)
        ctx.step(OPTIMISER)
        losses = {f"loss_{name}_ssp": value for name, value in zip(self.modalities, apart.detach(), strict=True)}
        certainties = {f"{name}_certain": value for name, value in zip(self.modalities, certain, strict=True)}
        return {"loss": classified.detach(), **losses, **certainties}

    def predict(self, batch: Batch) -> Tensor:
        return self._outcome(batch).logits.softmax(dim=1)[:, 1]

    def log_odds(self, batch: Batch) -> Tensor:
        logits = self._outcome(batch).logits
        return logits[:, 1] - logits[:, 0]

    def for_deployment(self) -> Method:
        if self.config.uncertainty_eval == "mc":
            raise UserError(
                "mmdg scores with drawn numbers, as published, which no graph of a network has",
                do="train or import it with --set model.uncertainty_eval=expected",
            )
        return self

    # -- Losses and gradients -----------------------------------------------------------------------------------------

    def _prototype_losses(self, outcome: Outcome, batch: Batch, ctx: StepContext) -> Tensor:
        """Return (M,): the weighted prototype loss of each modality, over the faces of all devices."""
        features = ctx.gathered(outcome.features.transpose(0, 1)).transpose(0, 1)
        classes = ctx.gathered(class_ids(batch["domain"], batch["label"]))
        known = None if self.config.proto_phantom else self.known
        prototypes = self.prototypes.to(features.dtype)
        losses = [prototype_loss(own, prototypes[k], classes, known) for k, own in enumerate(features)]
        return self.config.ssp_weight * torch.stack(losses)

    def _rebalance(
        self,
        owned: dict[nn.Parameter, int],
        shared: list[nn.Parameter],
        gradients: list[list[Tensor]],
        losses: Tensor,
        certain: Tensor,
    ) -> None:
        """Add to the gradient of every parameter what the modalities' losses make of it."""
        fast = (losses == losses.min()).tolist()
        for (parameter, owner), apart in zip(owned.items(), zip(*gradients, strict=True), strict=False):
            _add(parameter, rebalanced(owner, apart, certain, fast[owner]))
        for parameter, *rest in zip(shared, *(of[len(owned) :] for of in gradients), strict=True):
            _add(parameter, torch.stack(rest).sum(dim=0))

    def owned(self) -> dict[nn.Parameter, int]:
        """Return the parameters that belong to a modality, with its number; adapters are their receiver's."""
        network = self.network
        owned: dict[nn.Parameter, int] = {}
        for number, name in enumerate(self.modalities):
            owned |= {network.class_tokens[name]: number, network.positions[name]: number}
            if self.config.regrad == "corrected":
                received = [adapter for key, adapter in network.adapters.items() if key.startswith(f"{name}_from_")]
                owned |= {parameter: number for adapter in received for parameter in adapter.parameters()}
        return owned

    def _shared(self) -> list[nn.Parameter]:
        """Return the trained parameters that no modality owns, but the head, which no prototype loss reaches."""
        parts = [self.network.patches, self.network.blocks, self.network.norm]
        return [parameter for part in parts for parameter in part.parameters() if parameter.requires_grad]

    # -- The network --------------------------------------------------------------------------------------------------

    def _outcome(self, batch: Batch, *, stack_infrared: bool = False) -> Outcome:
        config, images = self.config, self.shown(batch, stack_infrared=stack_infrared)
        kind = config.uncertainty_train if self.training else config.uncertainty_eval
        if not self.training:
            return self.network(images, SeededChance(config.eval_seed) if kind == "mc" else None)
        return self.network(images, self.chance, drawn=kind == "mc")

    def shown(self, batch: Batch, *, stack_infrared: bool = False) -> dict[str, Tensor]:
        """Return every stream's images with three channels, normalised; a modality that a face lacks is black."""
        stack_infrared = stack_infrared or self.config.ir_input == "ir_hog_plgf"
        images = {}
        for name in self.modalities:
            image = batch["modalities"].get(name)
            if image is None or image.shape[1] not in CHANNELS[name]:
                raise UserError(
                    f"the stream of {name} cannot take this batch",
                    expected=f"images of {' or '.join(map(str, CHANNELS[name]))} channels",
                    found="none" if image is None else f"images of {image.shape[1]} channels",
                    do="--set model.modalities=[...] names what the data have",
                )
            if name == "ir" and stack_infrared:
                image = stacked(image) * (image.amax(dim=(1, 2, 3), keepdim=True) > 0)  # what is missing stays black
            images[name] = normalised(image).expand(-1, 3, -1, -1)
        return images

    def _freeze(self) -> None:
        frozen = self.config.frozen
        if frozen == "nothing":
            return
        self.network.patches.requires_grad_(False)
        blocks = list(self.network.blocks)
        for block in blocks if frozen == "all" else blocks[:-1]:
            block.requires_grad_(False)


def _add(parameter: nn.Parameter, gradient: Tensor) -> None:
    parameter.grad = gradient if parameter.grad is None else parameter.grad.add_(gradient)
