"""HFN_MP: train a pattern extractor and the network that reads its pattern, each on other source domains."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.optim import SGD, Adam, Optimizer

from fasdata.errors import UserError
from fastrain.methods.base import Batch, Method, OptimSpec, StepContext
from fastrain.methods.hfn_mp.network import FusionNetwork, PatternExtractor, load_extractor
from fastrain.methods.hfn_mp.settings import HFNMPSettings
from fastrain.networks.trunk import imagenet_normalized

# -- Losses and score -------------------------------------------------------------------------------------------------


def map_loss(maps: Tensor, label: Tensor) -> Tensor:
    """Return the mean squared error between maps (B,1,h,w) and maps filled with the label (B,)."""
    target = label.to(maps.dtype).view(-1, 1, 1, 1).expand_as(maps)
    return F.mse_loss(maps, target)


def class_loss(logits: Tensor, label: Tensor) -> Tensor:
    """Return the mean softmax cross entropy of logits (B,2) and labels (B,), 1 = bona fide."""
    return F.cross_entropy(logits, label)


def reconstruction_loss(reconstruction: Tensor, image: Tensor) -> Tensor:
    """Return the mean squared error between the decoder's output and the image."""
    return F.mse_loss(reconstruction, image)


def score_parts(maps: Tensor, logits: Tensor) -> dict[str, Tensor]:
    """Return the parts of the score, (B,) in [0,1], higher = bona fide: the map's mean, the class probability."""
    return {"map": maps.mean(dim=(1, 2, 3)), "cls": logits.softmax(dim=1)[:, 1]}


def fused_score(parts: dict[str, Tensor]) -> Tensor:
    """Return the mean of the two parts: the score of HFN_MP (`trainer.py:684-687` of the published code)."""
    return (parts["map"] + parts["cls"]) / 2


# -- The method -------------------------------------------------------------------------------------------------------

SMALLEST_IMAGE = 32  # one cell at the trunk's last level


class HFNMP(Method):
    """Hierarchical fusion network with a meta pattern (Cai et al., IEEE TIFS 2022); equations in this folder's README.

    Raises:
        UserError: weights cannot be had, too few source domains for meta training, or images below 32 pixels.
    """

    name: ClassVar[str] = "hfn_mp"
    Config: ClassVar[type[HFNMPSettings]] = HFNMPSettings
    default_view: ClassVar[str] = "mxnet-256"
    draws_own_batches: ClassVar[bool] = True

    def __init__(self, config: HFNMPSettings, *, n_domains: int, image_size: int) -> None:
        super().__init__(config, n_domains=n_domains, image_size=image_size)
        _check(config, n_domains, image_size)
        config.preflight()
        self.config = config
        self.extractor = PatternExtractor()
        self.hfn = FusionNetwork(
            config.trunk,
            config.trunk_kwargs,
            width=config.pyramid_width,
            dropout=config.dropout,
            normalize_pattern=config.mean_std_normal,
        )
        self.hfn.start_from(config.trunk, config.pretrained)
        if config.mode == "second_stage":
            load_extractor(self.extractor, config.extractor_file())
            self.extractor.requires_grad_(False)

    def configure(self) -> dict[str, OptimSpec]:
        config = self.config
        hfn = {"params": list(self.hfn.parameters()), "weight_decay": config.weight_decay_hfn}
        extractor = {"params": list(self.extractor.parameters()), "weight_decay": config.weight_decay_extractor}
        if config.mode == "sync":
            return {"both": OptimSpec(self._optimiser([hfn, extractor], config.init_lr))}
        if config.mode == "second_stage":
            return {"hfn": OptimSpec(self._optimiser([hfn], config.init_lr))}
        return {
            "hfn": OptimSpec(self._optimiser([hfn], config.meta_lr)),
            "extractor": OptimSpec(self._optimiser([extractor], config.meta_lr * config.inner_loops)),
        }

    def training_step(self, batch: Batch | None, ctx: StepContext) -> dict[str, Tensor]:
        if self.config.mode == "sync":
            return self._sync_step(ctx)
        if self.config.mode == "second_stage":
            return self._second_stage_step(ctx)
        domains = list(range(self.n_domains))
        ctx.python_random.shuffle(domains)
        meta_train, meta_test = domains[: self.config.meta_train_size], domains[self.config.meta_train_size :]
        if self.config.order == "extractor_first":
            return {**self._extractor_steps(meta_test, ctx), **self._hfn_step(meta_train, ctx)}
        return {**self._hfn_step(meta_train, ctx), **self._extractor_steps(meta_test, ctx)}

    def predict(self, batch: Batch) -> Tensor:
        return self.scores(batch)["score"]

    def predict_parts(self, batch: Batch) -> dict[str, Tensor]:
        return {name: value for name, value in self.scores(batch).items() if name != "score"}

    def scores(self, batch: Batch) -> dict[str, Tensor]:
        parts = score_parts(*self._outputs(batch))
        return {"score": fused_score(parts), **parts}

    def log_odds(self, batch: Batch) -> Tensor:
        """Return those of the class head, whose cross entropy is the term `cls` of the loss; the map has none."""
        _, logits = self._outputs(batch)
        return logits[:, 1] - logits[:, 0]

    def _outputs(self, batch: Batch) -> tuple[Tensor, Tensor]:
        image = batch["modalities"]["rgb"]
        pattern, _ = self.extractor(self._ordered(image))
        return self.hfn(self._rgb_stream(image), pattern)

    def _extractor_steps(self, domains: list[int], ctx: StepContext) -> dict[str, Tensor]:
        """Train the extractor alone, on the held-out domains; the fusion network only passes its gradient on.

        Because its weights are frozen, autograd records neither the RGB trunk nor weight gradients of the pattern's.
        """
        logs: list[dict[str, Tensor]] = []
        ctx.set_trainable(self.hfn, False)
        for _ in range(self.config.inner_loops):
            terms = self._joint_loss(*_inputs(ctx.draw(domains)))
            ctx.zero_grad("extractor")
            ctx.backward(terms[""])
            ctx.step("extractor")
            logs.append(_named("loss_extractor", terms))
        ctx.set_trainable(self.hfn, True)
        return {name: torch.stack([log[name] for log in logs]).mean() for name in logs[0]}

    def _hfn_step(self, domains: list[int], ctx: StepContext) -> dict[str, Tensor]:
        """Train the fusion network alone; the extractor runs in train mode for its statistics only."""
        image, label = _inputs(ctx.draw(domains))
        with torch.no_grad():
            pattern, _ = self._pattern(image)
        terms = self._terms(image, pattern, label)
        loss = (terms["map"] + terms["cls"]) / 2
        ctx.zero_grad("hfn")
        ctx.backward(loss)
        ctx.step("hfn")
        return _named("loss_hfn", {"": loss, **terms})

    def _sync_step(self, ctx: StepContext) -> dict[str, Tensor]:
        terms = self._joint_loss(*_inputs(ctx.draw(range(self.n_domains))))
        ctx.zero_grad("both")
        ctx.backward(terms[""])
        ctx.step("both")
        return _named("loss", terms)

    def _second_stage_step(self, ctx: StepContext) -> dict[str, Tensor]:
        """Train the fusion network alone on all domains; the extractor stays as it is, statistics included."""
        self.extractor.eval()
        image, label = _inputs(ctx.draw(range(self.n_domains)))
        with torch.no_grad():
            pattern, _ = self._pattern(image)
        terms = self._terms(image, pattern, label)
        loss = terms["map"] + terms["cls"]
        ctx.zero_grad("hfn")
        ctx.backward(loss)
        ctx.step("hfn")
        return _named("loss", {"": loss, **terms})

    def _joint_loss(self, image: Tensor, label: Tensor) -> dict[str, Tensor]:
        """Return the loss under "" and its terms: map + class + lambda_rec * reconstruction."""
        pattern, reconstruction = self._pattern(image)
        terms = self._terms(image, pattern, label)
        loss = terms["map"] + terms["cls"]
        if reconstruction is not None:
            terms["rec"] = reconstruction_loss(reconstruction, self._ordered(image))
            # At zero the published code still backpropagates zeros; the decoder stays where it is either way.
            loss = loss + self.config.lambda_rec * terms["rec"] if self.config.lambda_rec else loss
        return {"": loss, **terms}

    def _pattern(self, image: Tensor) -> tuple[Tensor, Tensor | None]:
        return self.extractor(
            self._ordered(image), reconstruct=self.config.lambda_rec > 0 or self.config.replicate_buffers
        )

    def _terms(self, image: Tensor, pattern: Tensor, label: Tensor) -> dict[str, Tensor]:
        maps, logits = self.hfn(self._rgb_stream(image), pattern)
        return {"map": map_loss(maps, label), "cls": class_loss(logits, label)}

    def _ordered(self, image: Tensor) -> Tensor:
        return image.flip(1) if self.config.color_order == "bgr" else image

    def _rgb_stream(self, image: Tensor) -> Tensor:
        # Normalised before the channels change places, so that each colour gets its own statistics in either order.
        return self._ordered(imagenet_normalized(image) if self.config.normalize_rgb else image)

    def _optimiser(self, groups: list[dict], lr: float) -> Optimizer:
        if self.config.optimiser == "adam":
            return Adam(groups, lr=lr)
        return SGD(groups, lr=lr, momentum=self.config.momentum)


def _inputs(batch: Batch) -> tuple[Tensor, Tensor]:
    return batch["modalities"]["rgb"], batch["label"]


def _named(prefix: str, terms: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}_{name}" if name else prefix: value.detach() for name, value in terms.items()}


def _check(config: HFNMPSettings, n_domains: int, image_size: int) -> None:
    if image_size < SMALLEST_IMAGE:
        raise UserError("images too small for hfn_mp", expected=f"{SMALLEST_IMAGE} or more", found=str(image_size))
    if config.mode == "meta" and config.meta_train_size >= n_domains:
        raise UserError(
            "meta training of hfn_mp leaves out at least one source domain",
            expected=f"meta_train_size below the {n_domains} source domains",
            found=str(config.meta_train_size),
            do="--set meta_train_size=1 for two source domains, --set mode=sync for one",
        )
