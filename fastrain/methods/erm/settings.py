"""The settings of ERM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from fastrain.methods.settings import FineTunedSettings, Modalities, Trial, is_probe


class ERMSettings(FineTunedSettings):
    """Settings of the baseline: one trunk and linear layer (late fusion: one a modality), one optimiser."""

    modalities: Modalities = ("rgb",)
    """What the network sees; any of rgb, depth, ir, each once."""
    fusion: Literal["early", "late"] = "early"
    """early: modalities stacked as the channels of one image; late: a network each, whose scores are averaged."""

    optimiser: Literal["sgd", "adamw"] = "sgd"
    """What steps: stochastic gradient descent with momentum, or AdamW."""
    lr: PositiveFloat = 0.001
    momentum: float = Field(0.9, ge=0, lt=1)
    """Of sgd; adamw keeps its own averages."""
    weight_decay: NonNegativeFloat = 0.0005

    schedule: Literal["none", "step", "cosine"] = "none"
    """How the learning rate falls: not at all, in steps, or as half a cosine."""
    schedule_epochs: PositiveInt = 100
    """Epochs between two steps, or from the start of a cosine to its end."""
    schedule_factor: float = Field(0.1, ge=0, lt=1)
    """Factor of the learning rate at a step; of the start at the end of a cosine."""

    normalize: bool = True
    """Normalise images by the mean and deviation that the trunk was pretrained with; ImageNet's where it has none."""

    @model_validator(mode="after")
    def _several_to_fuse(self) -> Self:
        if self.fusion == "late" and len(self.modalities) < 2:
            raise ValueError(
                f"late fusion averages the scores of several modalities and {self.modalities[0]} is the only one: "
                "set fusion=early, or more modalities"
            )
        return self

    @classmethod
    def trial(cls) -> Trial:
        return (
            super()
            .trial()
            .with_more(
                {"lr": 0.02},
                {
                    "modalities": (("rgb", "depth", "ir"), {}),
                    "fusion": ("late", {"modalities": ("rgb", "depth", "ir")}),
                    "optimiser": ("adamw", {}),
                    "lr": (0.01, {}),
                    "momentum": (0.5, {}),
                    "weight_decay": (0.1, {}),
                    "schedule": ("step", {"schedule_epochs": 1}),
                    "schedule_epochs": (1, {"schedule": "step"}),
                    "schedule_factor": (0.5, {"schedule": "cosine", "schedule_epochs": 2}),
                    "normalize": (False, {}),
                },
            )
        )

    @classmethod
    def tiny_of(cls, model: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a learning rate that is enough for 20 steps, too."""
        rate = 0.3 if is_probe(model) else 0.01 if model.get("optimiser") == "adamw" else 0.02
        return {**super().tiny_of(model), "lr": rate}
