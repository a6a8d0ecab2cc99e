"""The settings of SA-FAS; the defaults are the published ones (`configs/sa_fas.yaml` cites each)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from fastrain.methods.settings import Trial, TrunkSettings

PUBLISHED_SOURCES = 3


class SAFASSettings(TrunkSettings):
    """Settings of SA-FAS: heads, alignment, losses and optimiser."""

    compat: Literal["corrected", "released"] = "corrected"
    """released: as the published code did it in its time, wherever a setting below is null."""

    trunk: str = "resnet18.tv_in1k"

    # The heads, one a source domain.
    head: Literal["linear", "sign", "sign_without_bias"] = "linear"
    """linear: w·z + b; sign: unit(z)·sign(w) + b, which the published option normfc comes to: such weights learn
    nothing; or without b."""
    scale: PositiveFloat | None = 1.0
    """Factor of a head's output before the sigmoid; null: learned, another for each image."""
    heads: PositiveInt | None = None
    """How many there are; null: as many as there are sources, released: 3, also with two sources, where the third
    never learns and yet counts in alignment, loss and score."""
    absent_head: Literal["keep", "decay"] | None = None
    """What a step does to the head of a domain that the batch lacks: nothing, as torch 2 does in the published code, or
    weight decay and momentum, as older torch does once the head has had a gradient. Null: the first; released: the
    second, for the paper is older than torch 2."""
    fuse: Literal["probability", "logit"] = "probability"
    """A score is the mean of the heads' probabilities, as published, or the probability of their mean output, as the
    paper describes."""
    normalize: bool = True
    """Give images ImageNet's mean and deviation."""

    # The alignment of the heads, after a step.
    align_epoch: NonNegativeInt | None = 20
    """Epochs before the first alignment; null: none."""
    alpha: float = Field(0.995, ge=0, le=1)
    """How much of its direction a head keeps; the rest comes from the head that is farthest."""

    contrastive_weight: NonNegativeFloat = 0.1
    """Weight of the contrastive loss."""
    temperature: PositiveFloat = 0.1
    """Of the contrastive loss."""

    # The optimiser: SGD.
    lr: PositiveFloat = 0.005
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay: NonNegativeFloat = 0.0005
    lr_step_epochs: PositiveInt = 40
    """Epochs between two multiplications of the learning rate."""
    lr_gamma: float = Field(0.5, gt=0, le=1)
    """Their factor."""

    def heads_for(self, sources: int) -> int:
        """Return how many heads there are in a training on `sources`."""
        return self.heads or (PUBLISHED_SOURCES if self.compat == "released" else sources)

    @property
    def absent_heads_decay(self) -> bool:
        """Whether weight decay and momentum move the head of a domain that the batch lacks."""
        return (self.absent_head or ("decay" if self.compat == "released" else "keep")) == "decay"

    @classmethod
    def trial(cls) -> Trial:
        return (
            super()
            .trial()
            .with_more(
                {"align_epoch": 0, "lr": 0.03},
                {
                    "compat": ("released", {}),
                    "head": ("sign", {}),
                    "scale": (None, {}),
                    "heads": (4, {}),
                    "absent_head": ("decay", {}),
                    "fuse": ("logit", {}),
                    "normalize": (False, {}),
                    "align_epoch": (None, {}),
                    "alpha": (0.8, {}),
                    "contrastive_weight": (1.0, {}),
                    "temperature": (0.5, {}),
                    "lr": (0.01, {}),
                    "momentum": (0.5, {}),
                    "weight_decay": (0.1, {}),
                    "lr_step_epochs": (1, {}),
                    "lr_gamma": (0.1, {"lr_step_epochs": 1}),
                },
                rising=("con",),
            )
        )
