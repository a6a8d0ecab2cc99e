"""CDCN: train central difference convolutions to draw a live face as its mask and an attack as nothing."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.optim import Adam

from fasdata.errors import UserError
from fastrain.methods.base import Batch, Method, OptimSpec, StepContext
from fastrain.methods.cdcn.map_losses import absolute_loss, contrast_loss, early_steps, mean_over
from fastrain.methods.cdcn.network import SIDE, STREAMS, MapNetwork
from fastrain.methods.cdcn.settings import CDCNSettings
from fastrain.networks.lit_pixels import lit_map_of
from fastrain.pixel_targets import PixelTarget

OPTIMISER = "all"
FACE = "face"
CERTAIN = 1e-7  # how near to 0 and 1 the mean of a map counts as a probability


class CDCN(Method):
    """Central difference convolutional networks (Yu et al., CVPR 2020); equations in this folder's README."""

    name: ClassVar[str] = "cdcn"
    Config: ClassVar[type[CDCNSettings]] = CDCNSettings
    default_view: ClassVar[str] = "box(scale=1.3)"
    first_of_epoch: ClassVar[int] = 1

    def __init__(self, config: CDCNSettings, *, n_domains: int, image_size: int) -> None:
        super().__init__(config, n_domains=n_domains, image_size=image_size)
        self.config = config
        self.modalities = config.modalities
        self.pixel_targets = {FACE: PixelTarget("lit", SIDE)}
        self.network = MapNetwork(
            config.modalities, config.network, config.width, config.theta, borrowed=config.borrows
        )

    def configure(self) -> dict[str, OptimSpec]:
        config = self.config
        optimiser = Adam(self.parameters(), lr=config.lr, weight_decay=config.weight_decay)
        return {OPTIMISER: OptimSpec(optimiser, early_steps(optimiser, config.lr_step_epochs, config.lr_gamma))}

    def training_step(self, batch: Batch | None, ctx: StepContext) -> dict[str, Tensor]:
        assert batch is not None
        maps = self._maps(self._images(batch))
        target = batch["maps"][FACE][:, 0].to(maps.dtype) * batch["label"].view(-1, 1, 1)
        terms = {"map": absolute_loss(maps, target), "contrast": contrast_loss(maps, target)}
        loss = self.config.absolute_weight * terms["map"] + self.config.contrast_weight * terms["contrast"]
        ctx.zero_grad(OPTIMISER)
        ctx.backward(loss)
        ctx.step(OPTIMISER)
        return {"loss": loss.detach(), **{f"loss_{name}": value.detach() for name, value in terms.items()}}

    def predict(self, batch: Batch) -> Tensor:
        images = self._images(batch)
        maps = self._maps(images)
        if self.config.scored_by == "map_mean":
            return maps.mean(dim=(1, 2))
        return mean_over(maps, lit_map_of(images, SIDE).to(maps.dtype), inside=self.config.scored_by == "map_over_mask")

    def log_odds(self, batch: Batch) -> Tensor:
        """Return those of the score, held within 1e-7 of 0 and 1: it is trained towards 0 and 1, and not bounded."""
        score = self.predict(batch)
        single = score.float() if score.dtype in (torch.bfloat16, torch.float16) else score
        return torch.logit(single.clamp(0, 1), eps=CERTAIN)

    def _maps(self, images: dict[str, Tensor]) -> Tensor:
        """Return maps (B,32,32), in single precision at least."""
        maps: Tensor = self.network({name: normalized(image) for name, image in images.items()})
        return maps.float() if maps.dtype in (torch.bfloat16, torch.float16) else maps

    def _images(self, batch: Batch) -> dict[str, Tensor]:
        """Return every trunk's images with three channels; images that are not available are black."""
        images = {}
        for name in (name for name in STREAMS if name in self.modalities):
            image = batch["modalities"].get(name)
            if image is None or image.shape[1] not in (1, 3):
                raise UserError(
                    f"the trunk of {name} cannot take this batch",
                    expected="images of 1 or 3 channels",
                    found="none" if image is None else f"images of {image.shape[1]} channels",
                    do="--set model.modalities=[...] names what the data have",
                )
            images[name] = image.expand(-1, 3, -1, -1)
        return images


def normalized(image: Tensor) -> Tensor:
    """Return images in [0,1] as (v - 127.5) / 128 of their 8-bit values v."""
    return (image * 255 - 127.5) / 128
