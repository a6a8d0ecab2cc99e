"""Select the checkpoint of a run, by named policies. Only `target_oracle`, asked for by name, looks at the target."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from fastrain.config import EMA, LAST, MEAN_LAST, SOURCE_VAL, SWA, TARGET_ORACLE, EvaluateConfig, TrainConfig
from fastrain.rundir.facts import CheckpointName

HIGHER_IS_BETTER = {
    "auc": True, "eer": False, "min_hter": False, "eer_frame": False, "min_hter_frame": False, "acer_frame": False,
}  # fmt: skip


@dataclass(frozen=True)
class SourceVal:
    """The best on the held-out part of the source domains, by one clip-level metric."""

    metric: str
    name: str = SOURCE_VAL
    checkpoint: CheckpointName = "best"
    ties: Literal["first", "last"] = "first"

    @property
    def compared(self) -> str:
        """Return the metric that validations are compared by."""
        return self.metric

    def improves(self, validation: Mapping[str, float], best: Mapping[str, Any] | None) -> bool:
        """Tell whether this validation is the new best; a tie is one where the last of several counts."""
        value = validation[self.metric]
        if math.isnan(value):
            return False
        if best is None or (value == best[self.metric] and self.ties == "last"):
            return True
        return value > best[self.metric] if HIGHER_IS_BETTER[self.metric] else value < best[self.metric]

    def kept(self, train: TrainConfig) -> list[int]:
        """Return no iteration: `best` and `last` are all there is to keep."""
        return []


@dataclass(frozen=True)
class Last:
    """The last checkpoint, or an average of weights at the end (`ema`, `swa`), whatever the validations said."""

    name: str = LAST
    checkpoint: CheckpointName = "last"
    compared: str = "auc"

    def improves(self, validation: Mapping[str, float], best: Mapping[str, Any] | None) -> bool:
        """Return False: nothing is compared."""
        return False

    def kept(self, train: TrainConfig) -> list[int]:
        """Return no iteration: `last` is all there is to keep."""
        return []


@dataclass(frozen=True)
class MeanLast:
    """The mean over the ends of the last `n` epochs, as GAC-FAS reports; the best validation is kept beside."""

    n: int
    beside: SourceVal
    checkpoint: CheckpointName = "last"
    name: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", f"{MEAN_LAST}_{self.n}")

    @property
    def compared(self) -> str:
        """Return the metric that validations are compared by."""
        return self.beside.metric

    def improves(self, validation: Mapping[str, float], best: Mapping[str, Any] | None) -> bool:
        """Tell whether this validation is the new best of those that `source_val` would compare."""
        return self.beside.improves(validation, best)

    def kept(self, train: TrainConfig) -> list[int]:
        """Return the iterations whose networks are kept: the last one and the ends of the epochs before, `n` in all."""
        return ends_of_epochs(train, self.n)


def ends_of_epochs(train: TrainConfig, n: int) -> list[int]:
    """Return the last iteration and the ends of the epochs before it, `n` in all or as many as there are.

    >>> ends_of_epochs(TrainConfig.model_validate({"max_iterations": 13, "steps_per_epoch": 3}), 3)
    [9, 12, 13]
    """
    last, epoch = train.max_iterations, train.steps_per_epoch
    ends = range(epoch, last, epoch)
    return [*ends[max(0, len(ends) - n + 1) :], last]


@dataclass(frozen=True)
class TargetOracle(SourceVal):
    """The best on the target's own test data: what papers print and no deployment can have."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", f"{TARGET_ORACLE}({self.metric})")


# A policy: its name, the file it takes, when a validation makes a new best, and which iterations are kept as well.
Selection: TypeAlias = SourceVal | Last | MeanLast


def selection_of(config: EvaluateConfig) -> Selection:
    """Return the policy that a configuration names."""
    if config.select == TARGET_ORACLE:
        return TargetOracle(config.metric, ties=config.ties)
    if config.select == MEAN_LAST:
        return MeanLast(config.last_n, SourceVal(config.metric, ties=config.ties))
    if config.select in (EMA, SWA):
        return Last(config.select, EMA if config.select == EMA else SWA)
    return SourceVal(config.metric, ties=config.ties) if config.select == SOURCE_VAL else Last()
