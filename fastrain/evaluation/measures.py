"""The metrics that results hold: how each is computed of plain samples, and of many weightings of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fasdata.errors import unknown_name
from fastrain.evaluation.metrics.curve import apcer_at_bpcer, auc, bpcer_at_apcer, eer, min_hter, tpr_at_fpr
from fastrain.evaluation.metrics.rates import acer_max, acer_pooled, apcer_max, bpcer, hter
from fastrain.evaluation.scores import Samples
from fastrain.evaluation.statistics.weighted import Measure, Rates, Weighted
from fastrain.evaluation.thresholds import TARGET_MIN_HTER


@dataclass(frozen=True)
class Measured:
    """One metric: a function of plain samples and one of weighted samples, both with the threshold.

    A metric without a threshold ignores it; `policy` names where its operating point comes from, "" where it has none.
    """

    name: str
    plain: Callable[[Samples, float], float]
    weighted: Callable[[Weighted, float], Rates]
    policy: str = ""

    def at(self, threshold: float) -> Measure:
        """Return the function of weighted samples at this threshold, as resampling takes it."""
        return lambda weighted: self.weighted(weighted, threshold)


def _bpcer(name: str, limit: float) -> Measured:
    return Measured(
        name,
        lambda s, t: bpcer_at_apcer(s.scores, s.labels, s.species, limit).frr,
        lambda w, t: w.bpcer_at_apcer(limit),
        f"apcer_max@{limit:g} of the same part (oracle)",
    )


def _apcer(name: str, limit: float) -> Measured:
    return Measured(
        name,
        lambda s, t: apcer_at_bpcer(s.scores, s.labels, s.species, limit).far,
        lambda w, t: w.apcer_at_bpcer(limit),
        f"bpcer@{limit:g} of the same part (oracle)",
    )


def _tpr(name: str, limit: float) -> Measured:
    return Measured(name, lambda s, t: tpr_at_fpr(s.scores, s.labels, limit), lambda w, t: w.tpr_at_fpr(limit))


# Free of a threshold, or with one that the metric itself finds on the part it is measured on.
FREE = (
    Measured("auc", lambda s, t: auc(s.scores, s.labels), lambda w, t: w.auc()),
    Measured("eer", lambda s, t: eer(s.scores, s.labels).hter, lambda w, t: w.eer()),
    _tpr("tpr_at_fpr_1", 0.01),
    _tpr("tpr_at_fpr_5", 0.05),
    _bpcer("bpcer10", 0.10),
    _bpcer("bpcer20", 0.05),
    _bpcer("bpcer100", 0.01),
    _apcer("apcer_at_bpcer_5", 0.05),
)

# What the best threshold of all would give; of the target only.
BEST = Measured(
    "min_hter", lambda s, t: min_hter(s.scores, s.labels).hter, lambda w, t: w.min_hter(), TARGET_MIN_HTER.name
)

# At a threshold that a policy chose.
AT = (
    Measured("hter", lambda s, t: hter(s.scores, s.labels, t), lambda w, t: w.hter(t)),
    Measured("apcer", lambda s, t: apcer_max(s.scores, s.labels, s.species, t), lambda w, t: w.apcer_max(t)),
    Measured("bpcer", lambda s, t: bpcer(s.scores, s.labels, t), lambda w, t: w.bpcer(t)),
    Measured("acer_max", lambda s, t: acer_max(s.scores, s.labels, s.species, t), lambda w, t: w.acer_max(t)),
    Measured("acer_pooled", lambda s, t: acer_pooled(s.scores, s.labels, t), lambda w, t: w.hter(t)),
)


def measured(name: str) -> Measured:
    """Return the metric of that name.

    Raises:
        UserError: there is none; names the nearest.
    """
    metrics = {metric.name: metric for metric in (*FREE, BEST, *AT)}
    if name not in metrics:
        raise unknown_name("metric", name, metrics)
    return metrics[name]
