"""The settings of HFN_MP; the defaults are the published ones (`configs/hfn_mp.yaml` cites each)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from fastrain.methods.settings import FileOf, Trial, TrunkSettings


class HFNMPSettings(TrunkSettings):
    """Settings of HFN_MP: mode of training, network, input conventions and optimisers."""

    mode: Literal["meta", "sync", "second_stage"] = "meta"
    """meta: extractor and fusion network learn in turn on different domains; sync: both at once on all of them;
    second_stage: a new fusion network learns on all of them from the frozen extractor of another run."""

    # Meta training.
    order: Literal["extractor_first", "hfn_first"] = "extractor_first"
    """Which of the two networks steps first in an iteration of mode meta."""
    meta_train_size: PositiveInt = 2
    """Source domains that train the fusion network; the others train the extractor."""
    inner_loops: PositiveInt = Field(4, le=1000)
    """Steps of the extractor for one of the fusion network."""
    meta_lr: PositiveFloat = 0.001
    """Learning rate of the fusion network in mode meta; the extractor's is this times `inner_loops`."""
    # Synchronous training and the second stage.
    init_lr: PositiveFloat = 0.0001
    """Learning rate of modes sync and second_stage."""
    # The second stage.
    extractor: str = ""
    """Where the extractor is from: the folder of an hfn_mp run (its selected checkpoint), or a checkpoint file."""

    optimiser: Literal["sgd", "adam"] = "sgd"
    """What steps both networks."""
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay_hfn: NonNegativeFloat = 0.0
    """Weight decay of the fusion network."""
    weight_decay_extractor: NonNegativeFloat = 0.0
    """Weight decay of the extractor of the pattern."""

    lambda_rec: NonNegativeFloat = 0.0
    """Weight of the reconstruction loss."""
    replicate_buffers: bool = False
    """Run the unused decoder, as the published code does, so that its batch norm statistics move as there."""

    pyramid_width: PositiveInt = Field(256, multiple_of=2, le=8192)
    """Channels of every level of the feature pyramids."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Before the last layer."""
    color_order: Literal["rgb", "bgr"] = "rgb"
    """Order of the colour channels that the network sees; published: bgr."""
    normalize_rgb: bool = False
    """Give the stream of colour ImageNet's mean and deviation; published: plain values in [0, 1]."""
    mean_std_normal: bool = True
    """Give the stream of the pattern ImageNet's mean and deviation."""

    @model_validator(mode="after")
    def _adam_has_no_weight_decay(self) -> Self:
        if self.optimiser == "adam" and (self.weight_decay_hfn or self.weight_decay_extractor):
            raise ValueError("optimiser adam has no weight decay here, as published: set both to 0 or take sgd")
        return self

    @model_validator(mode="after")
    def _second_stage_has_an_extractor(self) -> Self:
        if (self.mode == "second_stage") != bool(self.extractor):
            raise ValueError(
                "mode second_stage and extractor go together: name the run whose extractor is kept, with "
                "--set mode=second_stage --set extractor=RUN"
            )
        return self

    def preflight(self) -> None:
        """Find the pretrained weights and, for the second stage, the checkpoint of the first.

        Raises:
            UserError: they cannot be had.
        """
        super().preflight()
        if self.extractor:
            self.extractor_file()

    def extractor_file(self) -> Path:
        """Return the checkpoint that `extractor` names: a file, or the selected one of a run folder.

        Raises:
            UserError: there is none.
        """
        from fastrain.rundir import selected_checkpoint

        path = Path(self.extractor)
        return path if path.is_file() else selected_checkpoint(path)

    @classmethod
    def trial(cls) -> Trial:
        return (
            super()
            .trial()
            .with_more(
                {"pyramid_width": 8, "optimiser": "adam", "meta_lr": 0.01, "inner_loops": 1},
                {
                    "mode": ("sync", {}),
                    "order": ("hfn_first", {}),
                    "meta_train_size": (1, {}),
                    "inner_loops": (2, {}),
                    "meta_lr": (0.02, {}),
                    "init_lr": (0.01, {"mode": "sync"}),
                    "extractor": (
                        FileOf("checkpoint", 2),
                        {"mode": "second_stage", "extractor": FileOf("checkpoint", 1)},
                    ),
                    "optimiser": ("sgd", {}),
                    "momentum": (0.5, {"optimiser": "sgd"}),
                    "weight_decay_hfn": (0.1, {"optimiser": "sgd"}),
                    "weight_decay_extractor": (0.1, {"optimiser": "sgd"}),
                    "lambda_rec": (1.0, {}),
                    "replicate_buffers": (True, {}),
                    "pyramid_width": (12, {}),
                    "dropout": (0.5, {}),
                    "color_order": ("bgr", {}),
                    "normalize_rgb": (True, {}),
                    "mean_std_normal": (False, {}),
                },
                rising=("map", "cls", "rec"),
            )
        )
