"""ME-FAS: CLIP compares a face with two sentences, which share learnable prompts with the image tower."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam
from torch.optim.lr_scheduler import LambdaLR

from fasdata.errors import UserError
from fastrain.methods.base import Batch, Method, OptimSpec, StepContext
from fastrain.methods.me_fas.blocks import GeneratorDraws
from fastrain.methods.me_fas.network import Masking, TextEnhancedCLIP
from fastrain.methods.me_fas.settings import MEFASSettings, Schedule
from fastrain.networks.clip import load_clip, open_clip_model
from fastrain.networks.trunk import normalized
from fastrain.networks.two_views import consistency, contrast, likeness_to, projection_head, unit

# -- Learning rate ----------------------------------------------------------------------------------------------------

POWER = 0.9


def learning_rate_factor(iteration: int, schedule: Schedule) -> float:
    """Return the factor of the learning rate in an iteration, counted from 0.

    A linear warm-up from `warmup_factor` to 1 at iteration w, then (1 - (x - w) / (T - w)) ** 0.9, 0 from the end on.
    """
    if not schedule.use:
        return 1.0
    warmup, total = schedule.warmup_epochs * schedule.steps, schedule.epochs * schedule.steps
    if warmup and iteration <= warmup:
        return schedule.warmup_factor + (1 - schedule.warmup_factor) * iteration / warmup
    return max(0.0, 1 - (iteration - warmup) / (total - warmup)) ** POWER


# -- The method -------------------------------------------------------------------------------------------------------

OPTIMISER = "all"
MEAN, STD = (0.535, 0.419, 0.358), (0.276, 0.251, 0.242)  # the published constants, not CLIP's


class MEFAS(Method):
    """Multimodal text enhancement (Cai et al., IEEE TIFS 2025); equations in this folder's README.

    Raises:
        UserError: the CLIP model is unknown, its weights cannot be had, or its patches do not fill the image.
    """

    name: ClassVar[str] = "me_fas"
    Config: ClassVar[type[MEFASSettings]] = MEFASSettings
    default_view: ClassVar[str] = "box-224"
    views: ClassVar[int] = 3
    first_of_epoch: ClassVar[int] = 1

    def __init__(self, config: MEFASSettings, *, n_domains: int, image_size: int) -> None:
        super().__init__(config, n_domains=n_domains, image_size=image_size)
        config.preflight()
        self.config = config
        clip = open_clip_model(config.clip, config.clip_kwargs, image_size)
        load_clip(clip, config.clip, config.pretrained)
        self.network = TextEnhancedCLIP(clip, config)
        self.head = contrastive_head(clip.visual.proj.shape[1], config.head_width, config.head_out)
        self._freeze()

    def configure(self) -> dict[str, OptimSpec]:
        config = self.config
        old: list[nn.Parameter] = []
        new: list[nn.Parameter] = []
        for name, parameter in self.named_parameters():
            if not name.removeprefix("network.").startswith(config.freeze):
                (old if name.startswith("network.clip.") else new).append(parameter)
        groups = [{"params": old, "lr": config.lr}, {"params": new, "lr": config.lr_new or config.lr}]
        optimiser = Adam([group for group in groups if group["params"]], weight_decay=config.weight_decay)
        schedule = LambdaLR(optimiser, lambda iteration: learning_rate_factor(iteration, config.schedule))
        return {OPTIMISER: OptimSpec(optimiser, schedule, every="iteration")}

    def training_step(self, batch: Batch | None, ctx: StepContext) -> dict[str, Tensor]:
        assert batch is not None
        images = torch.cat([view["rgb"] for view in batch["views"]])
        terms = self.terms(images, batch["label"], ctx)
        weigh = self.config.losses
        loss = weigh.cls * terms["cls"] + weigh.simclr * terms["simclr"] + weigh.mse * terms["mse"]
        ctx.zero_grad(OPTIMISER)
        ctx.backward(loss)
        ctx.step(OPTIMISER)
        return {"loss": loss.detach(), **{f"loss_{name}": value.detach() for name, value in terms.items()}}

    def terms(self, images: Tensor, label: Tensor, ctx: StepContext) -> dict[str, Tensor]:
        """Return the losses by name, unweighted, of the three views one after the other (3B,3,S,S) in [0,1]."""
        if len(label) < 2:
            raise UserError(
                "me_fas needs two images in a batch, for batch statistics", do="--set batch_per_group=1 or more"
            )
        mask = self.config.mask
        repeats = self.views if mask.views == "all" else 1
        mask_label = label.repeat(repeats) if mask.sentence == "label" else None
        masking = Masking(len(label) * repeats, mask_label)
        features, text = self.network(self._normalized(images), GeneratorDraws(ctx.generator), masking)
        features, text = unit(features), unit(text[0])
        origin, *views = features.chunk(self.views)
        first, second = (self.head(view) for view in views)
        vectors = ctx.gathered(torch.stack([first, second], dim=1))
        return {
            "cls": F.cross_entropy(self._logits(origin, text), label),
            "simclr": contrast(vectors[:, 0], vectors[:, 1], self.config.temperature),
            "mse": consistency(*(likeness_to(view, text, label) for view in views)),
        }

    def predict(self, batch: Batch) -> Tensor:
        return self._evaluated(batch).softmax(dim=-1)[:, 1]

    def log_odds(self, batch: Batch) -> Tensor:
        """Return those of the score: the difference of an image's likeness to the two sentences, times CLIP's scale."""
        logits = self._evaluated(batch)
        return logits[:, 1] - logits[:, 0]

    def for_deployment(self) -> Method:
        """Return the image tower with the text folded in where all images share it."""
        if self.config.eval.policy == "reference":
            raise UserError(
                "me_fas scores each image by what else is in its batch, as published: no network does that alone",
                do="train or import it with --set model.eval.policy=deterministic",
            )
        return _Alone(self)

    def _evaluated(self, batch: Batch) -> Tensor:
        images = self._normalized(batch["modalities"]["rgb"])
        draws = GeneratorDraws(Generator().manual_seed(self.config.eval.prompt_seed))
        if self.config.eval.policy == "reference":
            features, text = self.network(images.repeat(self.views, 1, 1, 1), draws, Masking(len(images)))
            features = features[: len(images)]
        else:
            deep = self.network.deep_prompts(draws, images)
            features, text = self.network.alone(images, deep, own=self.config.eval.context == "own")
        return self._logits(unit(features), unit(text))

    def _logits(self, features: Tensor, text: Tensor) -> Tensor:
        """Return (B,C) of features (B,D) and a text (C,D), or (1,C,D), or one of each image (B,C,D)."""
        return self.network.clip.logit_scale.exp() * (text * features[:, None]).sum(dim=-1)

    def _normalized(self, image: Tensor) -> Tensor:
        return normalized(image, MEAN, STD)

    def _freeze(self) -> None:
        names = [name.removeprefix("network.") for name, _ in self.named_parameters()]
        for prefix in self.config.freeze:
            if not any(name.startswith(prefix) for name in names):
                raise UserError(
                    f"no parameter of me_fas begins with {prefix!r}",
                    expected="clip.visual, clip.transformer, prompts, fusions, head or longer names",
                    do="correct --set freeze=",
                )
        for name, parameter in self.named_parameters():
            if name.removeprefix("network.").startswith(self.config.freeze):
                parameter.requires_grad_(False)


class _Alone(Method):
    """Scores as a method does whose noise is drawn, and whose text is read, once and for all."""

    def __init__(self, method: MEFAS) -> None:
        nn.Module.__init__(self)
        self.method, self.modalities = method, method.modalities
        network, settings = method.network, method.config.eval
        self.own = network.sees_own(settings.context == "own")
        with torch.no_grad():
            draws = GeneratorDraws(Generator().manual_seed(settings.prompt_seed))
            self.deep: Tensor
            self.text: Tensor | None
            self.register_buffer("deep", network.deep_prompts(draws, network.running_means).detach())
            self.register_buffer("text", None if self.own else unit(network.text_alone(None)).detach())

    def predict(self, batch: Batch) -> Tensor:
        method = self.method
        features, prompts = method.network.images_alone(method._normalized(batch["modalities"]["rgb"]), self.deep)
        text = unit(method.network.text_alone(prompts)) if self.text is None else self.text
        return method._logits(unit(features), text).softmax(dim=-1)[:, 1]


def contrastive_head(width: int, hidden: int, out: int) -> nn.Sequential:
    """Return the projection head of the contrastive loss, with Kaiming's weights and no offsets."""
    head = projection_head(width, hidden, out)
    for layer in head:
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    return head
