"""What a training run can be told: the sections of a configuration file, with their defaults."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class DataConfig(_Section):
    """How stored crops become training batches."""

    view: str | None = None
    """Name of the face view; null = the method's own."""
    image_size: int | None = Field(None, ge=8)
    """Side of the square input in pixels; null = the view's own."""
    augment: dict[str, Any] = Field(default_factory=dict)
    """Settings of `fastrain.data.transforms.AugmentConfig`."""
    batch_per_group: int = Field(4, ge=1)
    """Images a draw takes of every (domain, label), on each device."""
    last_batch: Literal["keep", "fill"] = "keep"
    """`keep`: the short rest of a pass is a batch of its own (HFN_MP's reference); `fill`: the next pass completes it.
    Several devices always fill theirs, so that none is left without a group."""
    shuffle_labels: bool = False
    """Control experiment: permute the labels of the training clips within each domain."""
    workers: int = Field(2, ge=0)
    """Threads that prepare images ahead; 0 = none. The result does not depend on it."""
    cache: Literal["none", "memory"] = "none"
    """`memory` keeps every rendered view (before augmentation) after its first use."""


class TrainConfig(_Section):
    """How long and in what rhythm to train."""

    max_iterations: int = Field(20_000, ge=1)
    steps_per_epoch: int = Field(100, ge=1)
    """Iteration i belongs to epoch 1 + i // steps_per_epoch (HFN_MP's count: iteration 100 opens epoch 2)."""
    validate_every_epochs: int = Field(2, ge=1)
    """Validate, and write checkpoints, each time this many epochs' worth of iterations is done, and at the end."""
    log_every: int = Field(10, ge=1)
    """Iterations whose losses are averaged into one line of the log."""
    seed: int = Field(0, ge=0, lt=2**32)


class EvaluateConfig(_Section):
    """How checkpoints are chosen and scores counted."""

    select: Literal["source_val", "last"] = "source_val"
    """Which checkpoint makes the scores: the best on the held-out part of the sources, or the last."""
    metric: Literal["auc", "eer"] = "auc"
    """What `source_val` compares, at clip level."""
    batch_size: int = Field(32, ge=1)
    fta: Literal["count", "exclude"] = "count"
    """Clips without a usable face count as errors (bona fide) or rejections (attack), or are left out."""


class RunConfig(_Section):
    """Everything that decides what a run computes; unknown keys are refused.

    `model` holds the settings of the method's own `Config`. Both `model` and `data.augment` are validated when the
    classes that know them are loaded (see `fastrain.settings`), so that this module stays quick to import.
    """

    method: str
    published_for: str | None = None
    """Protocol that the values of a preset were published for; with another number of source domains they are refused,
    on another protocol of as many they are used and the run says so."""
    model: dict[str, Any] = Field(default_factory=dict)
    data: DataConfig = Field(default_factory=lambda: DataConfig.model_validate({}))
    train: TrainConfig = Field(default_factory=lambda: TrainConfig.model_validate({}))
    evaluate: EvaluateConfig = Field(default_factory=lambda: EvaluateConfig.model_validate({}))
