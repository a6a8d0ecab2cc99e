"""The settings of SSDG; the defaults are the published ones (`configs/ssdg.yaml` cites each)."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from fastrain.methods.settings import Trial, TrunkSettings

MADDG = "maddg"
PUBLISHED_SOURCES = 3


class SSDGSettings(TrunkSettings):
    """Settings of SSDG: network, losses, reversal and optimiser."""

    compat: Literal["corrected", "released"] = "corrected"
    """released: as the published code does it in its environment, wherever a setting below is null."""

    trunk: str = "resnet18.tv_in1k"
    """A residual network of timm, or `maddg`: the thirteen plain convolutions of SSDG-M, which have no weights to be
    loaded; its `trunk_kwargs` are `widths`, of which the published are [64, 128, 196]."""
    layer4_init: Literal["random", "imagenet"] = "random"
    """random: the last stage of a pretrained residual network starts anew, as published; imagenet: with the others."""
    bn_init: Literal["ones", "uniform01"] | None = None
    """Weights of normalisation layers of maddg at the start: ones, or uniform in [0, 1] as PyTorch 0.4 drew them, the
    published environment; null: the first, released: the second."""

    embedding: PositiveInt = 512
    """Width of the features, and of the discriminator."""
    dropout: float = Field(0.5, ge=0, lt=1)
    """On the features, and in the discriminator."""
    feature_norm: Literal["half_sqrt", "unit", "none"] = "half_sqrt"
    """Features v become v / sqrt(2 |v|), as the published code has it, v / |v|, or stay."""
    weight_norm_axis: Literal["class", "feature", "none"] = "class"
    """The classifier's weights have length 1 along the classes (for every feature a pair of numbers, as the published
    code has it), along the features (for every class a vector), or any length."""
    normalize: bool = True
    """Give images ImageNet's mean and deviation."""

    # The losses.
    lambda_triplet: NonNegativeFloat = 1.0
    """Weight of the asymmetric triplet loss."""
    margin: NonNegativeFloat = 0.1
    """By how much a face of another kind has to be farther away than one of the same."""
    lambda_adversarial: NonNegativeFloat = 0.5
    """Weight of the discriminator's loss."""
    grl_horizon: PositiveInt = 4000
    """Iterations over which the reversed gradient grows to its full strength; make it train.max_iterations."""
    disc_outputs: PositiveInt | None = None
    """Domains that the discriminator can tell; null: as many as there are sources, released: 3, whatever they are."""

    # The optimiser: SGD.
    lr: PositiveFloat = 0.001
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay: NonNegativeFloat = 0.0005
    lr_steps: tuple[PositiveInt, ...] = (1500,)
    """Iterations after which the learning rate is multiplied by `lr_gamma`."""
    lr_gamma: float = Field(0.1, gt=0, le=1)
    """Factor of the learning rate at each of `lr_steps`."""

    @property
    def plain(self) -> bool:
        """Whether the trunk is maddg's."""
        return self.trunk == MADDG

    @property
    def norms_start_at(self) -> Literal["ones", "uniform01"]:
        """How the normalisation layers of maddg start."""
        return self.bn_init or ("uniform01" if self.compat == "released" else "ones")

    def domains_told(self, sources: int) -> int:
        """Return how many domains the discriminator can tell, of a training on `sources`."""
        return self.disc_outputs or (PUBLISHED_SOURCES if self.compat == "released" else sources)

    def preflight(self) -> None:
        """Find (or fetch) the pretrained weights; maddg has none.

        Raises:
            UserError: they cannot be had.
        """
        if not self.plain:
            super().preflight()

    @model_validator(mode="after")
    def _maddg_starts_from_scratch(self) -> Self:
        if self.plain and self.pretrained is not False:
            raise ValueError("nobody has weights of trunk maddg: set pretrained=false")
        if self.plain and self.trunk_kwargs:
            widths = self.trunk_kwargs.get("widths")
            three = isinstance(widths, list | tuple) and len(widths) == 3
            if (
                set(self.trunk_kwargs) != {"widths"}
                or not three
                or any(type(w) is not int or w < 1 for w in widths or ())
            ):
                raise ValueError("trunk_kwargs of trunk maddg are three widths, such as {widths: [64, 128, 196]}")
        return self

    @model_validator(mode="after")
    def _steps_ascend(self) -> Self:
        if list(self.lr_steps) != sorted(set(self.lr_steps)):
            raise ValueError("lr_steps ascend, such as [1500, 3000]")
        return self

    @classmethod
    def trial(cls) -> Trial:
        return (
            super()
            .trial()
            .with_more(
                {"embedding": 16, "dropout": 0.0, "lr": 0.05, "lambda_adversarial": 0.05},
                {
                    "compat": ("released", {"trunk": MADDG, "trunk_kwargs": {"widths": [4, 4, 6]}}),
                    "layer4_init": ("imagenet", {}),
                    "bn_init": ("uniform01", {"trunk": MADDG, "trunk_kwargs": {"widths": [4, 4, 6]}}),
                    "embedding": (24, {}),
                    "dropout": (0.5, {}),
                    "feature_norm": ("unit", {}),
                    "weight_norm_axis": ("feature", {}),
                    "normalize": (False, {}),
                    "lambda_triplet": (3.0, {}),
                    "margin": (0.5, {}),
                    "lambda_adversarial": (2.0, {}),
                    "grl_horizon": (10, {}),
                    "disc_outputs": (5, {}),
                    "lr": (0.01, {}),
                    "momentum": (0.5, {}),
                    "weight_decay": (0.1, {}),
                    "lr_steps": ((1,), {}),
                    "lr_gamma": (0.5, {"lr_steps": (1,)}),
                },
                rising=("adv", "triplet"),
            )
        )
