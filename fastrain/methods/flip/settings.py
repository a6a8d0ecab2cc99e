"""The settings of FLIP; the defaults are the published ones (`configs/flip.yaml` cites each)."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from fastrain.methods.settings import CLIPSettings, FileOf, Section, Trial

Sentences = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=1000)], ...], Field(min_length=1, max_length=100)
]


class Text(Section):
    """The sentences of the two labels, and how they become one text a label."""

    attack: Sentences = (
        "This is an example of a spoof face",
        "This is an example of an attack face",
        "This is not a real face",
        "This is how a spoof face looks like",
        "a photo of a spoof face",
        "a printout shown to be a spoof face",
    )
    bonafide: Sentences = (
        "This is an example of a real face",
        "This is a bonafide face",
        "This is a real face",
        "This is how a real face looks like",
        "a photo of a real face",
        "This is not a spoof face",
    )
    mean: Literal["raw", "unit"] = "raw"
    """Of the sentences' features as they are, as published, or of unit vectors."""
    split: Literal["with_replacement", "disjoint"] = "with_replacement"
    """The sentences that the first view of an image is compared with (variant mcl): half as many as there are, drawn
    with replacement, as published, or without. The second view gets those that were not drawn."""


class Head(Section):
    """The head of variant v."""

    width: PositiveInt = Field(512, le=65_536)
    """Of the embedding."""
    dropout: float = Field(0.5, ge=0, lt=1)
    norm: Literal["reference", "none"] = "reference"
    """reference: the root of the embedding's length, and weights of unit norm over the labels; none: neither."""


class Losses(Section):
    """The weight of each loss; those of the views belong to variant mcl."""

    cls: NonNegativeFloat = 1.0
    simclr: NonNegativeFloat = 1.0
    mse: NonNegativeFloat = 1.0


class FLIPSettings(CLIPSettings):
    """Settings of FLIP: network, sentences, losses, optimiser."""

    variant: Literal["v", "it", "mcl"] = "mcl"
    """v: images alone; it: images against sentences; mcl: it, with two more losses of two views."""
    normalise: Literal["imagenet", "clip"] = "imagenet"
    """Whose channel means and deviations; the published code takes ImageNet's."""

    text: Text = Text.model_validate({})
    """The sentences that stand for the classes."""
    projection_width: PositiveInt = Field(4096, le=65_536)
    """Hidden width of the head that is contrasted (variant mcl)."""
    projection_out: PositiveInt = Field(256, le=65_536)
    """Features that the contrastive head gives."""
    head: Head = Head.model_validate({})

    losses: Losses = Losses.model_validate({})
    """Weights of the losses of variant mcl."""
    temperature: PositiveFloat = 0.1
    """Of the contrastive loss."""

    lr: PositiveFloat = 1e-6
    lr_new: PositiveFloat | None = None
    """Learning rate of what CLIP does not have (the heads); null: that of CLIP."""
    weight_decay: NonNegativeFloat = 1e-6

    @model_validator(mode="after")
    def _sentences_can_be_split(self) -> Self:
        counts = {len(self.text.attack), len(self.text.bonafide)}
        if self.variant == "mcl" and (len(counts) > 1 or min(counts) < 2):
            both = f"{len(self.text.attack)} and {len(self.text.bonafide)}"
            raise ValueError(
                f"variant mcl: expected as many sentences of attacks as of bona fide faces, two or more; found {both}"
            )
        return self

    @classmethod
    def trial(cls) -> Trial:
        return (
            super()
            .trial()
            .with_more(
                tiny={
                    "projection_width": 16,
                    "projection_out": 8,
                    "lr": 0.003,
                    "losses": {"simclr": 0.05},
                },
                other={
                    "variant": ("it", {}),
                    "pretrained": (FileOf("clip"), {}),
                    "normalise": ("clip", {}),
                    "text": ({"mean": "unit"}, {}),
                    "projection_width": (24, {}),
                    "projection_out": (12, {}),
                    "head": ({"norm": "none"}, {"variant": "v"}),
                    "losses": ({"simclr": 1.0}, {}),
                    "temperature": (0.5, {}),
                    "lr": (0.01, {}),
                    "lr_new": (0.01, {}),
                    "weight_decay": (0.1, {}),
                },
                rising=("simclr", "mse", "cls"),
                exempt={
                    "two devices": "sentences are drawn by an image's place in the batch, another one on two devices"
                },
            )
        )
