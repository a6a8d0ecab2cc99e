"""What can be set for ERM."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, field_validator, model_validator

from fasdata.records import MODALITIES
from fastrain.methods.settings import TrunkSettings


class ERMSettings(TrunkSettings):
    """Settings of the baseline: one trunk and linear layer (late fusion: one a modality), one optimiser."""

    modalities: tuple[Literal["rgb", "depth", "ir"], ...] = Field(("rgb",), min_length=1)
    """What the network sees; any of rgb, depth, ir, each once."""
    fusion: Literal["early", "late"] = "early"
    """early: modalities stacked as the channels of one image; late: a network each, whose scores are averaged."""

    optimiser: Literal["sgd", "adamw"] = "sgd"
    lr: PositiveFloat = 0.001
    momentum: float = Field(0.9, ge=0, lt=1)
    """Of sgd; adamw keeps its own averages."""
    weight_decay: NonNegativeFloat = 0.0005

    schedule: Literal["none", "step", "cosine"] = "none"
    schedule_epochs: PositiveInt = 100
    """Epochs between two steps, or from the start of a cosine to its end."""
    schedule_factor: float = Field(0.1, ge=0, lt=1)
    """What a step multiplies the learning rate by, or what the cosine ends at, as a part of the start."""

    normalize: bool = True
    """Give images the mean and deviation that the trunk was pretrained with; ImageNet's where it has none."""
    freeze_trunk: bool = False
    """Train the linear layer alone, on the features of a trunk that stays as it is: a linear probe."""

    @field_validator("modalities")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError(f"expected each modality once; found {', '.join(value)}")
        return tuple(name for name in MODALITIES if name in value)

    @model_validator(mode="after")
    def _several_to_fuse(self) -> Self:
        if self.fusion == "late" and len(self.modalities) < 2:
            raise ValueError(
                f"late fusion averages the scores of several modalities and {self.modalities[0]} is the only one: "
                "set fusion=early, or more modalities"
            )
        return self
