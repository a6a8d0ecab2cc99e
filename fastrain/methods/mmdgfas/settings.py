"""The settings of MMDGFAS; the defaults are the published ones (`configs/mmdgfas.yaml` cites each)."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from fastrain.methods.settings import MethodSettings, Modalities, Section, Trial


class FusionSettings(Section):
    """Which heads make the score."""

    decision: Literal["feature", "hybrid"] = "feature"
    """feature: the fused head alone, as the published code; hybrid: with the modalities' own heads, as the paper."""
    weight: float = Field(0.5, ge=0, le=1)
    """The fused head's share of a hybrid score; the rest is the mean of the modalities that a face has."""


class CrossModalSettings(Section):
    """The cross-modal focal loss; read by losses combined and combined_all."""

    alpha: PositiveFloat = 1.0
    gamma: NonNegativeFloat = 3.0
    multiplier: PositiveFloat = 2.0
    attacks_only: bool = False
    """Focus on attacks alone; bona fide faces get the plain cross entropy."""
    detach_other: bool = False
    """Pass no gradient to the other modality's certainty, which weighs a loss."""


class MMDGFASSettings(MethodSettings):
    """Settings of MMDGFAS: streams, fusion, losses, views of a test image, optimiser and schedule."""

    # The network.
    modalities: Modalities = ("rgb", "depth", "ir")
    """One stream each; any of rgb, depth, ir, each once. [rgb] alone is the baseline without fusion."""
    planes: PositiveInt = Field(64, multiple_of=16, le=1024)
    """Width of a stream's first layer; the other widths are multiples of it."""
    dropout: float = Field(0.5, ge=0, lt=1)
    """In front of both heads."""
    color_order: Literal["rgb", "bgr"] = "rgb"
    """Order of the colour channels that the network sees; published: bgr, OpenCV's."""

    fusion: FusionSettings = Field(default_factory=lambda: FusionSettings.model_validate({}))

    # The loss.
    loss: Literal["ce", "combined", "combined_all"] = "ce"
    """ce: cross entropy of the fused head; combined: half binary cross entropy of the fused head, half cross-modal
    focal loss of the first two modalities' own heads; combined_all: of every pair of modalities."""
    ce_weight: NonNegativeFloat = 0.0
    """Weight of the fused head's cross entropy beside a combined loss, which trains one of its two outputs only."""
    cross_modal: CrossModalSettings = Field(default_factory=lambda: CrossModalSettings.model_validate({}))

    # The views.
    crop: PositiveInt = Field(48, ge=16, le=4096)
    """Side of the training images, and of the crops of a test image."""
    eval_views: Literal["crops36", "full", "reference"] = "crops36"
    """Views by which an image is scored. crops36: 9 crops in 4 flips each, their logits averaged; full: the full
    image; reference: as the published code, crops except for the validation of WMCA and the test of CASIA-SURF."""

    # The optimiser: SGD, with a cosine that restarts.
    lr: PositiveFloat = 0.1
    lr_lowest: NonNegativeFloat = 0.001
    """Learning rate at the end of each cosine."""
    cycle_epochs: PositiveInt = 5
    """Epochs of a cosine; then it restarts."""
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay: NonNegativeFloat = 0.0005

    @model_validator(mode="after")
    def _heads_that_decide_are_trained(self) -> Self:
        if self.fusion.decision == "hybrid" and self.loss == "ce":
            raise ValueError(
                "fusion.decision=hybrid uses the modalities' own heads, which loss ce does not train: "
                "set loss=combined_all and ce_weight=1"
            )
        if self.loss != "ce" and len(self.modalities) < 2:
            raise ValueError(f"loss {self.loss} compares modalities and there is one: set loss=ce, or more modalities")
        return self

    @model_validator(mode="after")
    def _the_schedule_falls(self) -> Self:
        if self.lr_lowest > self.lr:
            raise ValueError(f"lr_lowest {self.lr_lowest} is above lr {self.lr}")
        return self

    @classmethod
    def trial(cls) -> Trial:
        return Trial(
            tiny={"planes": 16, "crop": 32, "eval_views": "full", "dropout": 0.0, "lr": 0.02, "momentum": 0.5},
            other={
                "modalities": (("rgb",), {}),
                "planes": (32, {}),
                "dropout": (0.5, {}),
                "color_order": ("bgr", {}),
                "fusion": ({"decision": "hybrid"}, {"loss": "combined_all", "ce_weight": 1.0}),
                "loss": ("combined", {}),
                "ce_weight": (1.0, {"loss": "combined"}),
                "cross_modal": ({"gamma": 2.0}, {"loss": "combined"}),
                "crop": (16, {}),
                "eval_views": ("crops36", {"crop": 16}),
                "lr": (0.03, {}),
                "lr_lowest": (0.01, {}),
                "cycle_epochs": (2, {}),
                "momentum": (0.9, {}),
                "weight_decay": (0.1, {}),
            },
            crop="crop",
            run=("mix_crop_mask.crop=32",),
        )
