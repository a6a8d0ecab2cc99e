"""What can be set for HFN_MP; the defaults are the published ones (`configs/hfn_mp.yaml` says where each is from)."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from fastrain.methods.settings import TrunkSettings


class HFNMPSettings(TrunkSettings):
    """Settings of HFN_MP: mode of training, network, input conventions and optimisers."""

    mode: Literal["meta", "sync"] = "meta"
    """meta: extractor and fusion network learn in turn on different domains; sync: both at once on all of them."""

    # Meta training.
    order: Literal["extractor_first", "hfn_first"] = "extractor_first"
    meta_train_size: PositiveInt = 2
    inner_loops: PositiveInt = 4
    meta_lr: PositiveFloat = 0.001
    # Synchronous training.
    sync_lr: PositiveFloat = 0.0001

    optimiser: Literal["sgd", "adam"] = "sgd"
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay_hfn: NonNegativeFloat = 0.0
    weight_decay_extractor: NonNegativeFloat = 0.0

    lambda_rec: NonNegativeFloat = 0.0
    replicate_buffers: bool = False
    """Run the unused decoder as the published code does, only so that its batch norm statistics move as there."""

    pyramid_width: PositiveInt = Field(256, multiple_of=2)
    dropout: float = Field(0.0, ge=0, lt=1)
    color_order: Literal["rgb", "bgr"] = "rgb"
    normalize_rgb: bool = False
    mean_std_normal: bool = True

    @model_validator(mode="after")
    def _adam_has_no_weight_decay(self) -> Self:
        if self.optimiser == "adam" and (self.weight_decay_hfn or self.weight_decay_extractor):
            raise ValueError("optimiser adam has no weight decay here, as published: set both to 0 or take sgd")
        return self
