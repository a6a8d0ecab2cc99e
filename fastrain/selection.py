"""Which checkpoint of a run is the one that counts. The target is never looked at."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from fastrain.config import EvaluateConfig

HIGHER_IS_BETTER = {"auc": True, "eer": False}


@dataclass(frozen=True)
class SourceVal:
    """The best on the held-out part of the source domains, by one clip-level metric."""

    metric: str
    name: str = "source_val"
    checkpoint: Literal["best", "last"] = "best"

    def improves(self, validation: Mapping[str, float], best: Mapping[str, Any] | None) -> bool:
        """Tell whether this validation is the new best; a tie is not."""
        value = validation[self.metric]
        if math.isnan(value):
            return False
        if best is None:
            return True
        return value > best[self.metric] if HIGHER_IS_BETTER[self.metric] else value < best[self.metric]


@dataclass(frozen=True)
class Last:
    """The last checkpoint, whatever the validations said."""

    name: str = "last"
    checkpoint: Literal["best", "last"] = "last"

    def improves(self, validation: Mapping[str, float], best: Mapping[str, Any] | None) -> bool:
        """Return False: nothing is compared."""
        return False


# A policy: its name, the file it takes, and when a validation makes a new best.
Selection: TypeAlias = SourceVal | Last


def selection_of(config: EvaluateConfig) -> Selection:
    """Return the policy that a configuration names."""
    return SourceVal(config.metric) if config.select == "source_val" else Last()
