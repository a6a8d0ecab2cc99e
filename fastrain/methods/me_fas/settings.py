"""The settings of ME-FAS; the defaults are the published ones (`configs/me_fas.yaml` cites each)."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from fastrain.methods.settings import CLIPSettings, FileOf, Section, Trial


class Prompts(Section):
    """The tokens that text and image tower share."""

    n_ctx: PositiveInt = Field(2, le=64)
    """Learnable words of the sentences, and prompts of the images."""
    depth: PositiveInt = Field(9, le=1000)
    """Layers whose prompts are new: the shared ones in the first, deep ones in the others; text is fused after each
    but the last of them."""
    deep: Literal["noise", "learned"] | None = None
    """noise: drawn again at every call; learned: parameters; null: as `compat` has it."""


class Text(Section):
    """The end of the text tower."""

    final_norm: bool | None = None
    """Apply CLIP's last layer norm; null: as `compat` has it."""


class Mask(Section):
    """Which patches the text marks, and the effect of that."""

    mode: Literal["random_location", "location", "random", "grid", "border", "none"] = "random_location"
    """location: the patches furthest from the sentence; random: any; random_location: both; grid, border: fixed."""
    ratio: float = Field(0.5, ge=0, lt=1)
    """Part of the patches in a set."""
    depth: NonNegativeInt = 12
    """Layers, from the first, that get a mask."""
    apply: Literal["additive_one", "neg_inf"] | None = None
    """additive_one: marked patches get more attention, as published; neg_inf: they are hidden; null: as `compat`."""
    views: Literal["first", "all"] = "first"
    """Which of the three batches of images are masked."""
    sentence: Literal["farthest", "label"] = "farthest"
    """The sentence least like the class token, or that of the image's label (in training only)."""


class Losses(Section):
    """The weight of each loss."""

    cls: NonNegativeFloat = 1.0
    simclr: NonNegativeFloat = 1.0
    mse: NonNegativeFloat = 1.0


class Schedule(Section):
    """Of the learning rate, by iterations: a linear warm-up, then a polynomial down to zero."""

    use: bool = False
    steps: PositiveInt = 100
    """Iterations in an epoch of the schedule."""
    epochs: PositiveInt = 50
    warmup_epochs: NonNegativeInt = 2
    warmup_factor: float = Field(0.001, ge=0, le=1)
    """Factor of the learning rate at the start of the warm-up."""

    @model_validator(mode="after")
    def _ends_after_the_warm_up(self) -> Self:
        if self.use and self.epochs <= self.warmup_epochs:
            raise ValueError(f"expected more epochs than the {self.warmup_epochs} of the warm-up; found {self.epochs}")
        return self


class Evaluation(Section):
    """How images are scored."""

    policy: Literal["deterministic", "reference"] = "deterministic"
    """deterministic: a score depends on its own image alone; reference: masks on, the image in all three places, and
    text that sees the whole batch."""
    prompt_seed: NonNegativeInt = 0
    """Of the deep prompts that are noise, and in policy reference of the masks."""
    context: Literal["running", "own"] = "running"
    """The images' prompts that the text sees in policy deterministic: the mean of training, or the image's own."""


class MEFASSettings(CLIPSettings):
    """Settings of ME-FAS: network, masks, losses, optimiser."""

    compat: Literal["reference", "paper"] = "reference"
    """The meaning of switches that are null: the published code, or the method as the paper describes it."""
    words: str = "a photo of a"
    """What begins the sentence of each class."""
    classes: tuple[str, str] = ("spoof face", "real face")
    """The ends of the sentences of attack and bona fide, after the words."""
    prompts: Prompts = Prompts.model_validate({})
    """Learned vectors in the sentences."""
    fusion_width: PositiveInt = Field(128, le=65_536)
    """Hidden width of the prompt fusion."""
    text: Text = Text.model_validate({})
    """The text tower."""
    mask: Mask = Mask.model_validate({})
    """Which patches of an image are masked, by their likeness to the sentences."""
    head_width: PositiveInt = Field(2048, le=65_536)
    """Hidden width of the contrastive head."""
    head_out: PositiveInt = Field(256, le=65_536)
    """Features that the contrastive head gives."""

    losses: Losses = Losses.model_validate({})
    """Weights of the losses."""
    temperature: PositiveFloat = 0.1
    """Of the contrastive loss."""

    lr: PositiveFloat = 1e-6
    lr_new: PositiveFloat | None = None
    """Learning rate of what CLIP does not have (prompts, fusion, heads); null: that of CLIP."""
    weight_decay: NonNegativeFloat = 1e-6
    schedule: Schedule = Schedule.model_validate({})
    """How the learning rate moves, where `use` is true; else it stays."""
    freeze: tuple[str, ...] = ()
    """Prefixes of the names of parameters that are not trained, such as `clip.visual`."""

    eval: Evaluation = Evaluation.model_validate({})
    """What an image is scored with, where training draws at random."""

    @property
    def final_norm(self) -> bool:
        """Whether the text tower ends with its layer norm."""
        return self.compat == "paper" if self.text.final_norm is None else self.text.final_norm

    @property
    def hides(self) -> bool:
        """Whether marked patches are hidden."""
        return (self.mask.apply or ("neg_inf" if self.compat == "paper" else "additive_one")) == "neg_inf"

    @property
    def learned_prompts(self) -> bool:
        """Whether deep prompts are parameters."""
        return (self.prompts.deep or ("learned" if self.compat == "paper" else "noise")) == "learned"

    @classmethod
    def trial(cls) -> Trial:
        return (
            super()
            .trial()
            .with_more(
                tiny={
                    "prompts": {"depth": 2},
                    "fusion_width": 8,
                    "head_width": 16,
                    "head_out": 8,
                    "lr": 0.003,
                    "losses": {"simclr": 0.05},
                },
                other={
                    "pretrained": (FileOf("network.clip"), {}),
                    "compat": ("paper", {}),
                    "words": ("an image of a", {}),
                    "classes": (("paper mask", "person"), {}),
                    "prompts": ({"n_ctx": 1, "depth": 2}, {}),
                    "fusion_width": (12, {}),
                    "text": ({"final_norm": True}, {}),
                    "mask": ({"mode": "none"}, {}),
                    "head_width": (24, {}),
                    "head_out": (12, {}),
                    "losses": ({"simclr": 1.0}, {}),
                    "temperature": (0.5, {}),
                    "lr": (0.01, {}),
                    "lr_new": (0.01, {}),
                    "weight_decay": (0.1, {}),
                    "schedule": ({"use": True, "steps": 1, "epochs": 5, "warmup_epochs": 0}, {}),
                    "freeze": (("clip.visual",), {}),
                    "eval": ({"policy": "reference"}, {}),
                },
                rising=("simclr", "mse", "cls"),
                exempt={
                    "two devices": "in training the text sees the mean of a batch's prompts, each device of its own"
                },
            )
        )
