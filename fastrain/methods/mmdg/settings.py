"""The settings of MMDG; the defaults are the published ones or a repair of them (`configs/mmdg.yaml` cites each)."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, model_validator

from fastrain.methods.settings import FileOf, Modalities, Trial, TrunkSettings


class MMDGSettings(TrunkSettings):
    """Settings of MMDG: trunk and adapters, uncertainty, prototypes, rebalanced gradients, optimiser."""

    # The network.
    trunk: str = "vit_base_patch16_224.augreg_in1k"
    """Name of a plain vision transformer of timm. The published weights are torchvision's: a file for `pretrained`."""
    modalities: Modalities = ("rgb", "depth", "ir")
    """The first of them exchanges information with each of the others."""
    ir_input: Literal["ir", "ir_hog_plgf", "mixed"] = "ir"
    """ir_hog_plgf: infrared with a picture of its gradients and one of its local pattern as three channels; mixed: so
    in prototypes alone, as a later script does."""
    frozen: Literal["all_but_last", "all", "nothing"] = "all_but_last"
    """Which blocks of the trunk never learn, and its patch embedding with them. `all`: the paper's figure."""
    positions: Literal["new", "pretrained"] = "new"
    """new: noise in the place of the trunk's position embedding, as published; pretrained: three copies of it."""
    adapter_dropout: float = Field(0.2, ge=0, lt=1)
    """In the adapters; its passes are what uncertainty is measured with."""
    uncertainty_train: Literal["mc", "expected"] = "mc"
    """mc: the deviation of random dropout passes; expected: of infinitely often repeated draws of them."""
    uncertainty_eval: Literal["mc", "expected"] = "expected"
    """As in training, for scores and prototypes. mc draws from `eval_seed`: every image gets the same numbers."""
    eval_seed: NonNegativeInt = 0
    """Seed of the passes of uncertainty_eval mc."""

    # How fast each modality learns, and what is made of it.
    regrad: Literal["corrected", "released", "off"] = "corrected"
    """corrected: tokens, positions and adapters get rebalanced gradients; released: tokens and positions alone, which
    is all that the published loop reaches; off: cross entropy alone trains."""
    regrad_shared: Literal["ce_only", "sum"] = "ce_only"
    """What trains layers that all modalities share: cross entropy alone, or the modalities' losses too."""
    ssp_weight: NonNegativeFloat = 0.3
    """Of a modality's prototype loss."""
    ssp_in_total: bool = False
    """Add the prototype losses to the cross entropy, as the paper writes; else `regrad` alone brings them to bear."""
    prototype_share: float = Field(0.5, ge=0, le=1)
    """Part of an epoch's batches that prototypes are the means of, each chosen by chance; 0: no prototypes."""
    prototype_momentum: float = Field(0.2, ge=0, lt=1)
    """Weight of the epochs before in a prototype."""
    proto_phantom: bool = False
    """Let classes without a face have a prototype at zero, as published; by default they take no part."""
    proto_swap: bool = False
    """Average the prototypes of the last two modalities with each other's old ones, as a later script does."""

    # The optimiser: Adam.
    lr: PositiveFloat = 5e-5
    weight_decay: NonNegativeFloat = 5e-5

    @model_validator(mode="after")
    def _several_to_exchange(self) -> Self:
        if self.proto_swap and len(self.modalities) < 3:
            raise ValueError(f"proto_swap exchanges the second and third modality; found {', '.join(self.modalities)}")
        if self.ir_input != "ir" and "ir" not in self.modalities:
            raise ValueError(f"ir_input {self.ir_input} is made of infrared; found {', '.join(self.modalities)}")
        return self

    @classmethod
    def trial(cls) -> Trial:
        """Return two small blocks that all learn, without the draws that differ between devices."""
        small = {"patch_size": 8, "embed_dim": 16, "depth": 2, "num_heads": 2, "mlp_ratio": 2}
        return Trial(
            tiny={
                "trunk": "vit_base_patch16_224",
                "trunk_kwargs": small,
                "pretrained": False,
                "frozen": "nothing",
                "uncertainty_train": "expected",
                "prototype_share": 0.03,
                "lr": 0.003,
            },
            other={
                "trunk": ("vit_base_patch16_224_miil", {}),  # without biases in its attention
                "trunk_kwargs": ({**small, "depth": 1}, {}),
                "pretrained": (FileOf("trunk"), {}),
                "modalities": (("rgb", "ir"), {}),
                "ir_input": ("mixed", {}),
                "frozen": ("all_but_last", {}),
                "positions": ("pretrained", {}),
                "adapter_dropout": (0.0, {}),
                "uncertainty_train": ("mc", {}),
                "uncertainty_eval": ("mc", {}),
                "eval_seed": (1, {"uncertainty_eval": "mc"}),
                "regrad": ("released", {}),
                "regrad_shared": ("sum", {}),
                "ssp_weight": (1.0, {}),
                "ssp_in_total": (True, {}),
                "prototype_share": (0.0, {}),
                "prototype_momentum": (0.5, {}),
                "proto_phantom": (True, {}),
                "proto_swap": (True, {}),
                "lr": (0.01, {}),
                "weight_decay": (0.1, {}),
            },
            rising=("ssp", "certain"),
        )
