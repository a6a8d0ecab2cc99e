"""The settings of CDCN, CDCN++ and the three-modality CDCN (`configs/cdcn.yaml` cites each)."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from fastrain.methods.settings import MethodSettings, Modalities, Trial


class CDCNSettings(MethodSettings):
    """Settings of CDCN: network, losses, score, optimiser and schedule."""

    compat: Literal["corrected", "released"] = "corrected"
    """released: as the published code does it, wherever a setting below is null."""

    # The network.
    network: Literal["cdcn", "cdcnpp"] = "cdcn"
    """cdcn; cdcnpp: with the attention and the branches of CDCN++."""
    modalities: Modalities = ("rgb",)
    """One, or with network cdcn any of rgb, depth, ir: a trunk each."""
    width: PositiveInt = Field(128, ge=8, le=1024, multiple_of=2)
    """Channels of a level; all other widths follow. The challenge's CDCN++ has 160."""
    theta: float = Field(0.7, ge=0, le=1)
    """Share of the difference in every convolution; 0: plain convolutions."""
    depth_level2: Literal["depth", "rgb"] | None = None
    """Whose second level depth's stream is read from; null: depth's own, released: that of rgb. Needs both."""

    # The losses.
    absolute_weight: NonNegativeFloat = 1.0
    """Of the squared error of the map."""
    contrast_weight: NonNegativeFloat = 1.0
    """Of the squared error of the map's differences between neighbours."""

    # The score.
    score: Literal["map_over_mask", "sum_over_mask", "map_mean"] | None = None
    """map_over_mask: mean of the map where the image is not black; sum_over_mask: the sum of the whole map over the
    number of such pixels, as published; map_mean: mean of the whole map; null: the first, released: the second."""

    # The optimiser: Adam, and a rate that falls in steps.
    lr: PositiveFloat = 0.0001
    weight_decay: NonNegativeFloat = 0.00005
    lr_step_epochs: PositiveInt = 500
    """Epochs between two multiplications of the learning rate; the first comes one epoch early, as published."""
    lr_gamma: float = Field(0.5, gt=0, le=1)
    """Their factor."""

    @property
    def borrows(self) -> bool:
        """Whether depth's stream is read from the second level of rgb."""
        return (self.depth_level2 or ("rgb" if self.compat == "released" else "depth")) == "rgb"

    @property
    def scored_by(self) -> str:
        """How a map becomes a score."""
        return self.score or ("sum_over_mask" if self.compat == "released" else "map_over_mask")

    @model_validator(mode="after")
    def _plus_plus_has_one_modality(self) -> Self:
        if self.network == "cdcnpp" and len(self.modalities) > 1:
            raise ValueError("network cdcnpp sees one modality: set network=cdcn, or modalities to one of them")
        return self

    @model_validator(mode="after")
    def _rgb_lends_to_depth(self) -> Self:
        if self.depth_level2 and not {"rgb", "depth"} <= set(self.modalities):
            raise ValueError("depth_level2 is read with rgb and depth only: set it to null, or add both to modalities")
        return self

    @model_validator(mode="after")
    def _some_loss(self) -> Self:
        if not self.absolute_weight and not self.contrast_weight:
            raise ValueError("absolute_weight and contrast_weight are both 0: nothing would be learned")
        return self

    @classmethod
    def trial(cls) -> Trial:
        every = ("rgb", "depth", "ir")
        return Trial(
            {"width": 8, "lr": 0.01},
            {
                "compat": ("released", {"modalities": every}),
                "network": ("cdcnpp", {}),
                "modalities": (every, {}),
                "width": (10, {}),
                "theta": (0.3, {}),
                "depth_level2": ("rgb", {"modalities": every}),
                "absolute_weight": (3.0, {}),
                "contrast_weight": (0.0, {}),
                "score": ("map_mean", {}),
                "lr": (0.001, {}),
                "weight_decay": (0.1, {}),
                "lr_step_epochs": (2, {}),
                "lr_gamma": (0.1, {"lr_step_epochs": 1}),
            },
            rising=("contrast",),  # of toy maps that are flat
        )
