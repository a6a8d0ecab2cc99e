"""MMDGFAS: three streams of colour, depth and infrared, trained on small crops and with missing modalities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import ClassVar, TypeAlias

import torch
from torch import Tensor, stack
from torch.nn import functional as F
from torch.optim import SGD

from fasdata.errors import UserError
from fastrain.methods.base import Batch, Method, OptimSpec, StepContext
from fastrain.methods.mmdgfas.losses import CosineRestarts, binary_loss, cross_modal_focal_loss
from fastrain.methods.mmdgfas.network import HybridNetwork
from fastrain.methods.mmdgfas.settings import MMDGFASSettings
from fastrain.networks.modality_fusion import availability

# -- The 36 views of a test image -------------------------------------------------------------------------------------

VIEWS = 36
AT_ONCE = 4  # images whose views share a forward pass; more need more memory and are no faster


def crop_corners(side: int, crop: int) -> list[tuple[int, int]]:
    """Return top and left of nine crops of `crop` pixels from a square image: the middle, the edges, the corners.

    As published, none of them has the last row and column.

    Raises:
        ValueError: the image is smaller than a crop.
    """
    if crop > side:
        raise ValueError(f"an image of {side} pixels has no crop of {crop}")
    middle = (side - crop) // 2
    low, high = max(middle - crop, 0), middle + crop
    if high + crop >= side:
        high = max(side - crop - 1, 0)
    m = middle
    return [(m, m), (low, m), (m, low), (high, m), (m, high), (high, high), (low, low), (low, high), (high, low)]


def crops36(images: Mapping[str, Tensor], crop: int) -> dict[str, Tensor]:
    """Return the views (B * 36, C, crop, crop) of images (B,C,S,S), by modality; those of an image follow each other.

    Each of the nine crops comes as it is, mirrored, upside down, and both.
    """
    return {name: _views(image, crop) for name, image in images.items()}


def _views(image: Tensor, side: int) -> Tensor:
    pieces = [image[..., top : top + side, left : left + side] for top, left in crop_corners(image.shape[-1], side)]
    views = [view for crop in pieces for view in (crop, crop.flip(-1), crop.flip(-2), crop.flip(-2, -1))]
    return stack(views, dim=1).flatten(0, 1)


def _pieces(images: Mapping[str, Tensor]) -> Iterator[Mapping[str, Tensor]]:
    """Yield a few images at a time; all at once where a graph for any number of them is written down."""
    if torch.compiler.is_exporting():
        yield images
        return
    for start in range(0, len(next(iter(images.values()))), AT_ONCE):
        yield {name: image[start : start + AT_ONCE] for name, image in images.items()}


# -- The method -------------------------------------------------------------------------------------------------------

OPTIMISER = "all"
Outputs: TypeAlias = tuple[Tensor, dict[str, Tensor]]  # the fused head's logits, and those of the other heads
FULL_IMAGE = {("wmca", "val"), ("casia-surf", "test")}  # dataset and part that the published code does not crop
CHANNELS = {"rgb": (3,), "depth": (1, 3), "ir": (1, 3)}


class MMDGFAS(Method):
    """Multi-modal domain generalisation by MixCropMask and hybrid fusion (Zhang and Li, EAAI 158, 2025); see README.

    Raises:
        UserError: images are smaller than the crops.
    """

    name: ClassVar[str] = "mmdgfas"
    Config: ClassVar[type[MMDGFASSettings]] = MMDGFASSettings
    default_view: ClassVar[str] = "box"
    first_of_epoch: ClassVar[int] = 1

    def __init__(self, config: MMDGFASSettings, *, n_domains: int, image_size: int) -> None:
        super().__init__(config, n_domains=n_domains, image_size=image_size)
        if config.crop > image_size:
            raise UserError(
                f"images of {image_size} pixels are smaller than the crops of {config.crop}",
                do="a larger --set data.image_size, or a smaller --set model.crop",
            )
        self.config = config
        self.modalities = config.modalities
        self.network = HybridNetwork(config.modalities, config.planes, config.dropout)

    def configure(self) -> dict[str, OptimSpec]:
        config = self.config
        optimiser = SGD(self.parameters(), lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay)
        return {OPTIMISER: OptimSpec(optimiser, CosineRestarts(optimiser, config.cycle_epochs, config.lr_lowest))}

    def training_step(self, batch: Batch | None, ctx: StepContext) -> dict[str, Tensor]:
        assert batch is not None
        images = self._images(batch)
        self._require_crops(images)
        features = self.network.features(images)
        logits = self.network.fused(features)
        if self.config.loss == "ce":
            terms = {"": F.cross_entropy(logits, batch["label"])}
        else:
            terms = self._combined(logits, self.network.apart(features), batch["label"])
        ctx.zero_grad(OPTIMISER)
        ctx.backward(terms[""])
        ctx.step(OPTIMISER)
        return {f"loss_{name}" if name else "loss": value.detach() for name, value in terms.items()}

    def predict(self, batch: Batch) -> Tensor:
        return self.scores(batch)["score"]

    def predict_parts(self, batch: Batch) -> dict[str, Tensor]:
        return {name: value for name, value in self.scores(batch).items() if name != "score"}

    def scores(self, batch: Batch) -> dict[str, Tensor]:
        hybrid = self.config.fusion.decision == "hybrid"
        logits, apart = self._viewed(batch, hybrid)
        fused = logits.softmax(dim=1)[:, 1]
        if not hybrid:
            return {"score": fused}
        heads = torch.stack([apart[name].sigmoid() for name in self.modalities], dim=1)
        available = availability(batch, self.modalities, heads)
        share = self.config.fusion.weight
        mean = (heads * available).sum(dim=1) / available.sum(dim=1)
        score = torch.where(available.any(dim=1), share * fused + (1 - share) * mean, fused)
        return {"score": score, "fused": fused, **{name: heads[:, k] for k, name in enumerate(self.modalities)}}

    def log_odds(self, batch: Batch) -> Tensor:
        """Return those of the fused head; of the score where the decision is hybrid."""
        if self.config.fusion.decision == "hybrid":
            return super().log_odds(batch)
        logits, _ = self._viewed(batch, False)
        return logits[:, 1] - logits[:, 0]

    def _combined(self, logits: Tensor, apart: dict[str, Tensor], label: Tensor) -> dict[str, Tensor]:
        """Return the loss under "" and its terms; every probability is the sigmoid of a head's second output."""
        config, target = self.config, label.to(logits.dtype)
        pairs = list(combinations(self.modalities, 2))
        if config.loss == "combined":
            pairs = pairs[:1]  # colour and depth
        cross = config.cross_modal
        probability = {name: outputs[:, 1].sigmoid() for name, outputs in apart.items()}
        across = [
            cross_modal_focal_loss(
                probability[a],
                probability[b],
                target,
                alpha=cross.alpha,
                gamma=cross.gamma,
                multiplier=cross.multiplier,
                attacks_only=cross.attacks_only,
                detach_other=cross.detach_other,
            )
            for a, b in pairs
        ]
        terms = {"cross_modal": torch.stack(across).mean(), "fused": binary_loss(logits[:, 1].sigmoid(), target)}
        loss = 0.5 * terms["cross_modal"] + 0.5 * terms["fused"]
        if config.ce_weight:
            terms["ce"] = F.cross_entropy(logits, label)
            loss = loss + config.ce_weight * terms["ce"]
        return {"": loss, **terms}

    def _viewed(self, batch: Batch, hybrid: bool) -> Outputs:
        """Return the outputs of each image under the configured views."""
        images, views = self._images(batch), self.config.eval_views
        if views == "full":
            return self._outputs(images, hybrid)
        if views == "crops36":
            return self._averaged(images, hybrid)
        # Images without an id are nobody's: of a bundle, or of a camera.
        full = [(sample_id.partition("/")[0], batch["part"]) in FULL_IMAGE for sample_id in batch.get("id", ())]
        if not any(full):
            return self._averaged(images, hybrid)
        if all(full):
            return self._outputs(images, hybrid)
        rows = [[i for i, is_full in enumerate(full) if is_full == kind] for kind in (True, False)]
        subsets = [{name: image[members] for name, image in images.items()} for members in rows]
        outputs = self._outputs(subsets[0], hybrid), self._averaged(subsets[1], hybrid)
        order = torch.tensor([*rows[0], *rows[1]], device=outputs[0][0].device).argsort()
        apart = {name: torch.cat([heads[name] for _, heads in outputs])[order] for name in outputs[0][1]}
        return torch.cat([logits for logits, _ in outputs])[order], apart

    def _averaged(self, images: dict[str, Tensor], hybrid: bool) -> Outputs:
        """Return the means over the 36 views of each image: fused logits (B,2) and, if `hybrid`, (B,) of each head."""
        chunks = []
        for some in _pieces(images):
            views = crops36(some, self.config.crop)
            logits, apart = self._outputs(views, hybrid)
            means = {name: values.view(-1, VIEWS).mean(dim=1) for name, values in apart.items()}
            chunks.append((logits.view(-1, VIEWS, 2).mean(dim=1), means))
        heads = {name: torch.cat([means[name] for _, means in chunks]) for name in chunks[0][1]}
        return torch.cat([logits for logits, _ in chunks]), heads

    def _outputs(self, images: dict[str, Tensor], hybrid: bool) -> Outputs:
        features = self.network.features(images)
        apart = self.network.apart(features) if hybrid else {}
        return self.network.fused(features), {name: logits[:, 1] for name, logits in apart.items()}

    def _images(self, batch: Batch) -> dict[str, Tensor]:
        """Return every stream's images with three channels; images that are not available are zero."""
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
            if name == "rgb" and self.config.color_order == "bgr":
                image = image.flip(1)
            images[name] = image.expand(-1, 3, -1, -1)
        return images

    def _require_crops(self, images: dict[str, Tensor]) -> None:
        side = next(iter(images.values())).shape[-1]
        if side != self.config.crop and self.config.eval_views != "full":
            raise UserError(
                f"training images of {side} pixels, and test crops of {self.config.crop}",
                do=f"--set data.augment.mix_crop_mask.crop={self.config.crop}, or --set model.eval_views=full",
            )
