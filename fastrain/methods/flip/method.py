"""FLIP: CLIP fine-tuned end to end, told faces by sentences (it, mcl) or by a classifier on its image tower (v)."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam

from fasdata.errors import UserError
from fastrain.methods.base import Batch, Method, OptimSpec, StepContext
from fastrain.methods.flip.network import ClassifiedTower, SentenceCLIP, drawn_sentences, halves
from fastrain.methods.flip.settings import FLIPSettings
from fastrain.networks.clip import load_clip, open_clip_model
from fastrain.networks.trunk import IMAGENET_MEAN, IMAGENET_STD, normalized
from fastrain.networks.two_views import consistency, contrast, projection_head

OPTIMISER = "all"
STATISTICS = {
    "imagenet": (IMAGENET_MEAN, IMAGENET_STD),
    "clip": ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
}
VIEWS = 3  # of variant mcl: the base, and two that are compared
_OF_CLIP = ("network.clip.", "network.visual.")


class FLIP(Method):
    """Language guidance (Srivatsan et al., ICCV 2023); equations in this folder's README.

    Raises:
        UserError: the CLIP model is unknown, its weights cannot be had, or its patches do not fill the image.
    """

    name: ClassVar[str] = "flip"
    Config: ClassVar[type[FLIPSettings]] = FLIPSettings
    default_view: ClassVar[str] = "box-224"
    first_of_epoch: ClassVar[int] = 1
    network: SentenceCLIP | ClassifiedTower

    def __init__(self, config: FLIPSettings, *, n_domains: int, image_size: int) -> None:
        super().__init__(config, n_domains=n_domains, image_size=image_size)
        config.preflight()
        self.config = config
        clip = open_clip_model(config.clip, config.clip_kwargs, image_size)
        load_clip(clip, config.clip, config.pretrained)
        if config.variant == "v":
            self.network = ClassifiedTower(clip.visual, config.head)
        else:
            self.network = SentenceCLIP(clip, config.text)
        if config.variant == "mcl":
            self.head = projection_head(clip.visual.proj.shape[1], config.projection_width, config.projection_out)
        self._kept: _Text | None = None
        self.register_load_state_dict_post_hook(lambda *_: self._forget())

    @property
    def views(self) -> int:  # type: ignore[override]
        """Three augmentations of every image in variant mcl, one in the others."""
        return VIEWS if self.config.variant == "mcl" else 1

    def configure(self) -> dict[str, OptimSpec]:
        config = self.config
        old: list[nn.Parameter] = []
        new: list[nn.Parameter] = []
        for name, parameter in self.named_parameters():
            (old if name.startswith(_OF_CLIP) else new).append(parameter)
        groups: list[dict[str, Any]] = [
            {"params": old, "lr": config.lr},
            {"params": new, "lr": config.lr_new or config.lr},
        ]
        return {
            OPTIMISER: OptimSpec(Adam([group for group in groups if group["params"]], weight_decay=config.weight_decay))
        }

    # -- Training -----------------------------------------------------------------------------------------------------

    def training_step(self, batch: Batch | None, ctx: StepContext) -> dict[str, Tensor]:
        assert batch is not None
        views = batch["views"] if self.views > 1 else [batch["modalities"]]
        terms = self.terms(torch.cat([view["rgb"] for view in views]), batch["label"], ctx)
        weigh = self.config.losses
        loss = sum((getattr(weigh, name) * value for name, value in terms.items()), torch.zeros(()).to(terms["cls"]))
        ctx.zero_grad(OPTIMISER)
        ctx.backward(loss)
        ctx.step(OPTIMISER)
        return {"loss": loss.detach(), **{f"loss_{name}": value.detach() for name, value in terms.items()}}

    def terms(self, images: Tensor, label: Tensor, ctx: StepContext) -> dict[str, Tensor]:
        """Return the losses by name, unweighted, of images in [0,1]; of variant mcl, the views stand one after another.

        Raises:
            UserError: a single image in variant mcl, which takes batch statistics.
        """
        images = self._normalized(images)
        if isinstance(self.network, ClassifiedTower):
            return {"cls": F.cross_entropy(self.network(images), label)}
        features, sentences = self.network(images)
        if self.config.variant == "it":
            return {"cls": F.cross_entropy(self.network.logits(features, self.network.class_text(sentences)), label)}
        if len(label) < 2:
            raise UserError("flip needs two images in a batch, for batch statistics", do="--set batch_per_group=1")
        return self.losses_of(features, sentences, label, ctx)

    def losses_of(self, features: Tensor, sentences: Tensor, label: Tensor, ctx: StepContext) -> dict[str, Tensor]:
        """Return the losses of variant mcl by name, unweighted.

        Args:
            features: (3B,D) of the base images, the first and the second views.
            sentences: (2,K,D), attack first.
            label: (B,), 1 = bona fide.
        """
        assert isinstance(self.network, SentenceCLIP)
        base, *views = features.chunk(VIEWS)
        vectors = ctx.gathered(torch.stack([self.head(view) for view in views], dim=1))
        # Of all devices: their generators are alike, and each image is to have a draw of its own.
        everyone, labels = ctx.gathered(torch.stack(views, dim=1)), ctx.gathered(label)
        drawn = drawn_sentences(
            len(labels),
            sentences.shape[1],
            ctx.generator,
            with_replacement=self.config.text.split == "with_replacement",
        )
        texts = halves(drawn.to(labels.device), sentences[labels])
        first, second = (F.cosine_similarity(everyone[:, k], text) for k, text in enumerate(texts))
        return {
            "cls": F.cross_entropy(self.network.logits(base, self.network.class_text(sentences)), label),
            "simclr": contrast(vectors[:, 0], vectors[:, 1], self.config.temperature),
            "mse": consistency(first, second),
        }

    # -- Scoring ------------------------------------------------------------------------------------------------------

    def predict(self, batch: Batch) -> Tensor:
        return self._logits(batch, self._text_once).softmax(dim=-1)[:, 1]

    def log_odds(self, batch: Batch) -> Tensor:
        """Return the difference of the two logits."""
        logits = self._logits(batch, self._text)
        return logits[:, 1] - logits[:, 0]

    def for_deployment(self) -> Method:
        """Return the image tower with the text folded in."""
        return self if isinstance(self.network, ClassifiedTower) else _Alone(self)

    def train(self, mode: bool = True) -> FLIP:
        """Switch between training and scoring; the text is read anew afterwards."""
        self._forget()
        super().train(mode)
        return self

    def _logits(self, batch: Batch, text: Any) -> Tensor:
        images = self._normalized(batch["modalities"]["rgb"])
        if isinstance(self.network, ClassifiedTower):
            return self.network(images)
        return self.network.logits(self.network.image_features(images), text())

    def _text(self) -> Tensor:
        assert isinstance(self.network, SentenceCLIP)
        return self.network.class_text(self.network.sentence_features())

    def _text_once(self) -> Tensor:
        """Return the text of each label, read once for all batches that the same weights score."""
        if self.training or torch.is_grad_enabled():
            return self._text()
        state = self._state_of_text()
        if self._kept is None or self._kept[0] != state:
            self._kept = (state, self._text())
        return self._kept[1]

    def _state_of_text(self) -> tuple[Any, ...]:
        """Return what tells whether the weights behind the text are the same as before, and their precision."""
        weights = [(weight.data_ptr(), weight._version) for weight in self.network.parameters()]
        device = next(self.network.parameters()).device.type
        return *weights, torch.is_autocast_enabled(device)

    def _forget(self) -> None:
        self._kept = None

    def _apply(self, *args: Any, **options: Any) -> FLIP:
        self._forget()  # the weights go to another device or precision
        super()._apply(*args, **options)
        return self

    def _normalized(self, image: Tensor) -> Tensor:
        return normalized(image, *STATISTICS[self.config.normalise])


_Text = tuple[tuple[Any, ...], Tensor]


class _Alone(Method):
    """Scores as variants it and mcl do, with the text read once and for all."""

    text: Tensor

    def __init__(self, method: FLIP) -> None:
        nn.Module.__init__(self)
        self.method, self.modalities = method, method.modalities
        with torch.no_grad():
            self.register_buffer("text", method._text().detach())

    def predict(self, batch: Batch) -> Tensor:
        return self.method._logits(batch, lambda: self.text).softmax(dim=-1)[:, 1]
