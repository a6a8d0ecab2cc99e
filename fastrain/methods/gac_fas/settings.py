"""The settings of GAC-FAS; the defaults are the published ones (`configs/gac_fas.yaml` cites each)."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from fastrain.methods.settings import Trial, TrunkSettings


class GACFASSettings(TrunkSettings):
    """Settings of GAC-FAS: ascending points, phases, losses, network and optimiser."""

    trunk: str = "resnet18.tv_in1k"

    # The ascending points.
    behaviour: Literal["corrected", "literal", "released"] = "corrected"
    """corrected: as the paper describes them; literal: with the running total of the published optimiser class;
    released: literal, and only the head learns there, as the order of the published script's lines has it."""
    domain_order: tuple[NonNegativeInt, ...] | None = None
    """The source domains, by their numbers in the manifest, in the order in which literal and released
    add them up; null: as they are numbered."""
    adaptive: bool = True
    """Scale the perturbation by the weights' own size; false: the plain ball of sharpness-aware minimisation."""
    rho: NonNegativeFloat = 0.1
    """Length of the way up a domain's gradient."""
    alpha: NonNegativeFloat = 0.0002
    """Length of the way down the gradient of all domains."""
    eta: NonNegativeFloat = 0.0
    """Added to a weight's size; read when adaptive."""

    # The phases, in epochs from the start.
    warming_epochs: NonNegativeInt = 1
    """Epochs in which only the head learns."""
    minimizer_warming: NonNegativeInt = 10
    """Epochs before the first ascending point; what lies between the two is plain training."""

    # The losses.
    loss: Literal["bce", "ce"] = "bce"
    """bce: one output, binary cross entropy; ce: two outputs, softmax cross entropy."""
    logit_scale: PositiveFloat = 12.0
    """Factor of the cosine in loss bce."""
    ce_scale: PositiveFloat | None = None
    """Factor of the cosines in loss ce; null: 1, as published."""
    contrastive_weight: NonNegativeFloat = 0.2
    """Weight of the contrastive loss."""
    temperature: PositiveFloat = 0.1
    """Of the contrastive loss."""

    # The network.
    dropout: float = Field(0.0, ge=0, lt=1)
    """On what the head sees."""
    freeze_norm: bool = False
    """Leave the statistics of normalisation layers as they start."""
    normalize: bool = True
    """Give images ImageNet's mean and deviation."""

    # The optimiser: SGD in two groups.
    lr: PositiveFloat = 0.005
    head_lr_scale: PositiveFloat = 10.0
    """The head's learning rate as a multiple of the trunk's."""
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay: NonNegativeFloat = 0.0001
    lr_step_epochs: PositiveInt = 40
    """Epochs between two multiplications of both learning rates."""
    lr_gamma: float = Field(0.5, gt=0, le=1)
    """Their factor."""

    @property
    def outputs(self) -> int:
        """Columns of the head."""
        return 1 if self.loss == "bce" else 2

    @property
    def scale(self) -> float:
        """Factor of the cosines in the classification loss."""
        return self.logit_scale if self.loss == "bce" else self.ce_scale or 1.0

    @model_validator(mode="after")
    def _every_domain_once(self) -> Self:
        if self.domain_order is not None and sorted(self.domain_order) != list(range(len(self.domain_order))):
            raise ValueError("domain_order names every source domain once, from 0 on, such as [1, 0, 2]")
        return self

    @model_validator(mode="after")
    def _only_the_scale_of_the_loss(self) -> Self:
        if self.loss == "bce" and self.ce_scale is not None:
            raise ValueError("ce_scale is read with loss ce only: set loss=ce, or logit_scale")
        return self

    @classmethod
    def trial(cls) -> Trial:
        return (
            super()
            .trial()
            .with_more(
                {"warming_epochs": 0, "minimizer_warming": 0, "lr": 0.02, "contrastive_weight": 0.05},
                {
                    "behaviour": ("literal", {}),
                    "domain_order": ((2, 0, 1), {"behaviour": "literal", "alpha": 0.5}),
                    "adaptive": (False, {}),
                    "rho": (0.5, {}),
                    "alpha": (0.5, {}),
                    "eta": (0.1, {}),
                    "warming_epochs": (1, {}),
                    "minimizer_warming": (1, {}),
                    "loss": ("ce", {}),
                    "logit_scale": (4.0, {}),
                    "ce_scale": (4.0, {"loss": "ce"}),
                    "contrastive_weight": (1.0, {}),
                    "temperature": (0.5, {}),
                    "dropout": (0.5, {}),
                    "freeze_norm": (True, {}),
                    "normalize": (False, {}),
                    "lr": (0.01, {}),
                    "head_lr_scale": (2.0, {}),
                    "momentum": (0.5, {}),
                    "weight_decay": (0.1, {}),
                    "lr_step_epochs": (1, {}),
                    "lr_gamma": (0.1, {"lr_step_epochs": 1}),
                },
                rising=("con",),
            )
        )
