"""What a training run can be told: the sections of a configuration file, with their defaults."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict, Field

# By what a checkpoint is chosen. `target_oracle` looks at the target's labels, which no deployment could do.
SelectionName: TypeAlias = Literal["source_val", "last", "mean_last", "target_oracle", "ema", "swa"]
SOURCE_VAL, LAST, MEAN_LAST, TARGET_ORACLE, EMA, SWA = get_args(SelectionName)


LastBatch: TypeAlias = Literal["keep", "fill", "drop"]

# Bounds beyond which a value is a slip of the pen: no machine could do it, or no run would ever need it.
LARGEST_IMAGE = 4096  # pixels of a side
LARGEST_BATCH = 65_536  # items
MOST_WORKERS = 1024  # threads
MOST_ITERATIONS = 10**9
MOST_REPEATS = 10_000  # of a source


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)


class DataConfig(_Section):
    """How stored crops become training batches."""

    view: str | None = None
    """Name of the face view; null = the method's own."""
    image_size: int | None = Field(None, ge=8, le=LARGEST_IMAGE)
    """Side of the square input in pixels; null = the view's own."""
    augment: dict[str, Any] = Field(default_factory=dict)
    """Settings of `fastrain.data.transforms.AugmentConfig`."""
    images: Literal["auto", "store", "pack"] = "auto"
    """Where views come from: warped from the stores, or read from what `fasdata pack` made ahead. `auto`: from the pack
    if there is one of this manifest and view that holds the very same pixels."""
    grey: tuple[str, ...] = ()
    """Datasets whose colour is shown as grey; by their short names, such as casia-surf-cefa."""
    cut_black: tuple[str, ...] = ()
    """Datasets whose images lose the rows and columns that are dark throughout, each modality by itself."""
    cut_black_as: Literal["rows", "box"] = "rows"
    """rows: wherever such rows and columns lie, as MMDGFAS' reference cuts; box: at the edges alone."""
    items: Literal["recipe", "frames", "clips"] = "recipe"
    """What is drawn: every frame of the manifest, or every clip, one of its frames at random each time; `recipe`: as
    the manifest's recipe draws."""
    sampler: Literal["recipe", "groups", "sources", "shuffled", "balanced"] = "recipe"
    """`groups`: as many of every (domain, label); `sources`: each item's source by its length, its label by turns
    (MMDGFAS' reference); `shuffled`: all sources together as they come; `balanced`: so, each (domain, label) repeated
    to the length of the longest, which balances a batch in expectation (GAC-FAS' reference). A source that the recipe
    lists several times is so much longer. `recipe`: as the recipe mixes its sources. A method that draws domains apart
    needs `groups`, and gets them from `recipe`."""
    source_weights: dict[str, Annotated[int, Field(ge=1, le=MOST_REPEATS)]] = Field(default_factory=dict)
    """How many times a source counts, by its letter in the protocol, whatever the recipe says; not read by sampler
    groups."""
    batch_per_group: int = Field(4, ge=1, le=LARGEST_BATCH)
    """Items a draw takes of every (domain, label), on each device; read by sampler groups."""
    batch_items: int = Field(24, ge=1, le=LARGEST_BATCH)
    """Items a draw takes altogether, on each device; read by the other samplers."""
    last_batch: LastBatch = "keep"
    """`keep`: the short rest of a pass is a batch of its own (HFN_MP's reference); `fill`: the next pass completes it;
    `drop`: it is left out and the next pass begins (FLIP's reference), except of a group that fills no batch at all.
    Several devices never have a short one, so that none is left without a group. Sampler `sources` always fills."""
    shuffle_labels: bool = False
    """Control experiment: permute the labels of the training clips within each domain."""
    workers: int = Field(2, ge=0, le=MOST_WORKERS)
    """Threads that prepare images ahead; 0 = none. The result does not depend on it."""
    processes: bool = False
    """Those of training are processes, each with an interpreter of its own, in place of threads, which take turns at
    it: more images a second where the loader is what limits. Each takes memory; with `cache=memory` they stay threads,
    as where the system cannot fork. The result does not depend on it."""
    cache: Literal["none", "memory"] = "none"
    """`memory` keeps every rendered view (before augmentation) after its first use."""


class TrainConfig(_Section):
    """How long and in what rhythm to train."""

    max_iterations: int = Field(20_000, ge=1, le=MOST_ITERATIONS)
    """Iterations altogether."""
    steps_per_epoch: int = Field(100, ge=1, le=MOST_ITERATIONS)
    """Which of them opens an epoch is the method's own count; with HFN_MP and ERM iteration 100 opens epoch 2."""
    validate_every_epochs: int = Field(2, ge=1, le=MOST_ITERATIONS)
    """Validate, and write checkpoints, each time this many epochs' worth of iterations is done, and at the end."""
    log_every: int = Field(10, ge=1, le=MOST_ITERATIONS)
    """Iterations whose losses are averaged into one line of the log."""
    seed: int = Field(0, ge=0, lt=2**32)
    """Of weights, order, augmentation and everything else that a run draws; 0 for every method."""
    channels_last: bool | None = None
    """Keep images and weights with the channels innermost in memory, which convolutions are often faster with; the
    same arithmetic in another order. null: on a processor, where most weights are those of convolutions."""
    sync_batch_norm: bool = False
    """Batch statistics over all devices instead of each one's own; for several CUDA devices."""
    compile: bool = False
    """Let torch compile the method's networks; for CUDA."""
    ema: float | None = Field(None, gt=0, lt=1)
    """Keep an exponential average of weights and buffers with this decay, such as 0.999, beside the network that
    trains: `checkpoints/ema.safetensors`, scored with `evaluate.select=ema`."""
    swa: int | None = Field(None, ge=1, le=10_000)
    """Keep the mean of the weights at the ends of the last so many epochs, the statistics of its batch norms taken anew
    over one training pass: `checkpoints/swa.safetensors`, scored with `evaluate.select=swa`."""


class EvaluateConfig(_Section):
    """How checkpoints are chosen and scores counted."""

    select: SelectionName = "source_val"
    """Which checkpoint makes the scores: the best on the held-out part of the sources, or the last. `mean_last`: each
    of the last `last_n` epochs is validated and kept; every metric is the mean over them, with its deviation, the
    scores are those of the last, and what `source_val` would have chosen is told beside. `target_oracle`: the best on
    the target's own test data, as most papers do; for replication, and named so beside every number. `ema`, `swa`: one
    network, the average of weights that `train.ema` or `train.swa` keeps (`mean_last` averages metrics)."""
    last_n: int = Field(10, ge=1, le=10_000)
    """Epochs that `mean_last` takes."""
    metric: Literal["auc", "eer", "min_hter", "eer_frame", "min_hter_frame", "acer_frame"] = "auc"
    """What `source_val` and `target_oracle` compare, at clip level or, as some papers' code does, of single frames;
    `acer_frame` at the score 0.5, all attacks together."""
    ties: Literal["first", "last"] = "first"
    """Which of several checkpoints is taken that are equally good by `metric`; some papers' code takes the last."""
    frames: Literal["all", "random_one"] = "all"
    """Which frames of a clip are scored: every one of the manifest, or one at random, another at each evaluation."""
    batch_size: int = Field(32, ge=1, le=LARGEST_BATCH)
    """Images that are scored at once; scores do not depend on it."""
    fta: Literal["count", "exclude"] = "count"
    """Clips without a usable face count as errors (bona fide) or rejections (attack), or are left out."""


class RunConfig(_Section):
    """Everything that decides what a run computes; unknown keys are refused.

    `model` holds the settings of the method's own `Config`. Both `model` and `data.augment` are validated when the
    classes that know them are loaded (see `fastrain.run.settings`), so that this module stays quick to import.
    """

    method: str
    published_for: str | None = None
    """Protocol that the values of a preset were published for; with another number of source domains they are refused,
    on another protocol of as many they are used and the run says so."""
    model: dict[str, Any] = Field(default_factory=dict)
    data: DataConfig = Field(default_factory=lambda: DataConfig.model_validate({}))
    train: TrainConfig = Field(default_factory=lambda: TrainConfig.model_validate({}))
    evaluate: EvaluateConfig = Field(default_factory=lambda: EvaluateConfig.model_validate({}))


def modalities_of(config: RunConfig) -> tuple[str, ...]:
    """Return what the method of a configuration sees; methods without that setting see colour."""
    named = config.model.get("modalities")  # what a run folder says may be anything
    return tuple(map(str, named)) if isinstance(named, list | tuple) and named else ("rgb",)


# The result does not depend on these, so a run may be continued with other values. (Of a pack that changes pixels the
# run's facts tell.)
WITHOUT_EFFECT = ("data.workers", "data.processes", "data.cache", "data.images")
# Keys that came later: without a value they change nothing, and runs of earlier versions go on.
_UNLESS_SET = ("train.ema", "train.swa")


def config_hash(config: RunConfig) -> str:
    """Return a digest of everything in the configuration that can change a result."""
    flat = {key: value for key, value in _flat(config.model_dump(mode="json")).items() if key not in WITHOUT_EFFECT}
    return sha256(json.dumps(flat, sort_keys=True).encode()).hexdigest()[:16]


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return one line for each key that differs between two trees and can change a result, old value first."""
    before, after = _flat(old), _flat(new)
    keys = sorted((before.keys() | after.keys()) - set(WITHOUT_EFFECT))
    absent = "absent"
    return [
        f"{key}: {before.get(key, absent)} -> {after.get(key, absent)}"
        for key in keys
        if before.get(key, absent) != after.get(key, absent)
    ]


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            flat.update(_flat(value, f"{prefix}{key}."))
        elif value is not None or prefix + key not in _UNLESS_SET:
            flat[prefix + key] = value
    return flat
