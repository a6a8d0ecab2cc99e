"""The threshold that a run's held-out clips give, for whoever judges other clips by it."""

from __future__ import annotations

import math

from fastrain.evaluation.samples import Samples
from fastrain.evaluation.scores import ScoreTable
from fastrain.evaluation.thresholds import SOURCE_EER, ThresholdPolicy


def held_out_threshold(scores: ScoreTable, policy: ThresholdPolicy = SOURCE_EER, fta: str = "count") -> float:
    """Return the clip-level threshold that `policy` takes from its part of a run's scores.

    NaN where that part was not scored or holds one label only.
    """
    held_out = scores.clips().part(policy.part)
    basis = Samples.of(held_out, fta) if held_out else None
    return math.nan if basis is None or basis.missing else policy.choose(basis.scores, basis.labels)
