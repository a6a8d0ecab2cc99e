"""The metrics that results hold: how each is computed of plain samples, and of many weightings of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fasdata.errors import unknown_name
from fasdata.species import FAMILIES
from fastrain.evaluation.metrics.curve import apcer_at_bpcer, auc, bpcer_at_apcer, eer, min_hter, tpr_at_fpr
from fastrain.evaluation.metrics.rates import acer_max, acer_pooled, apcer_max, bpcer, hter
from fastrain.evaluation.scores import Samples
from fastrain.evaluation.statistics.clusters import Clusters
from fastrain.evaluation.statistics.edges import Decided, auc_interval
from fastrain.evaluation.statistics.intervals import interval_of
from fastrain.evaluation.statistics.proportions import LEVEL, Interval
from fastrain.evaluation.statistics.weighted import Measure, Rates, Weighted
from fastrain.evaluation.thresholds import TARGET_MIN_HTER


@dataclass(frozen=True)
class Measured:
    """One metric: a function of plain samples and one of weighted samples, both with the threshold.

    A metric without a threshold ignores it; `policy` names where its operating point comes from, "" where it has none.
    `rate` is the interval of the decisions at its threshold, None for the AUC, which has none; `found` is the threshold
    that it finds itself on plain samples, None where it is given: such a metric needs no resampling.
    """

    name: str
    plain: Callable[[Samples, float], float]
    weighted: Callable[[Weighted, float], Rates]
    rate: Callable[[Decided, float], Interval] | None
    found: Callable[[Samples], float] | None = None
    policy: str = ""

    @property
    def resampled(self) -> bool:
        """Return whether its interval needs resamples."""
        return self.rate is None or self.found is not None

    def at(self, threshold: float) -> Measure:
        """Return the function of weighted samples at this threshold, as resampling takes it."""
        return lambda weighted: self.weighted(weighted, threshold)

    def interval(
        self,
        networks: Sequence[tuple[Samples, float]],
        clusters: Clusters,
        values: NDArray[np.float64] | None = None,
        level: float = LEVEL,
    ) -> Interval:
        """Return the interval of the metric's mean over `networks`, each the same samples with scores and a threshold.

        `values` are those of that mean in each resample, for metrics that are `resampled`; without any the interval is
        the one that it is never narrower than.
        """
        resamples = np.zeros(0) if values is None else values
        if self.rate is None:
            value = float(np.mean([self.plain(samples, threshold) for samples, threshold in networks]))
            variance = float(resamples.var(ddof=1)) if resamples.size > 1 else 0.0
            own = auc_interval([samples for samples, _ in networks], clusters, value, variance, level)
        else:
            own = self.rate(Decided.at([(s, self.found(s) if self.found else t) for s, t in networks], clusters), level)
        if not self.resampled or not resamples.size:
            return own
        drawn = interval_of(resamples, level)
        return replace(drawn, low=min(drawn.low, own.low), high=max(drawn.high, own.high))


def _bpcer(name: str, limit: float) -> Measured:
    return Measured(
        name,
        lambda s, t: bpcer_at_apcer(s.scores, s.labels, s.species, limit).frr,
        lambda w, t: w.bpcer_at_apcer(limit),
        Decided.bpcer,
        lambda s: bpcer_at_apcer(s.scores, s.labels, s.species, limit).threshold,
        f"apcer_max@{limit:g} of the same part (oracle)",
    )


def _apcer(name: str, limit: float) -> Measured:
    return Measured(
        name,
        lambda s, t: apcer_at_bpcer(s.scores, s.labels, s.species, limit).far,
        lambda w, t: w.apcer_at_bpcer(limit),
        Decided.apcer,
        lambda s: apcer_at_bpcer(s.scores, s.labels, s.species, limit).threshold,
        f"bpcer@{limit:g} of the same part (oracle)",
    )


def _tpr(name: str, limit: float) -> Measured:
    return Measured(
        name,
        lambda s, t: tpr_at_fpr(s.scores, s.labels, limit),
        lambda w, t: w.tpr_at_fpr(limit),
        Decided.tpr,
        lambda s: bpcer_at_apcer(s.scores, s.labels, ["any"] * len(s.scores), limit).threshold,
    )


# Free of a threshold, or with one that the metric itself finds on the part it is measured on.
FREE = (
    Measured("auc", lambda s, t: auc(s.scores, s.labels), lambda w, t: w.auc(), None),
    Measured(
        "eer",
        lambda s, t: eer(s.scores, s.labels).hter,
        lambda w, t: w.eer(),
        Decided.hter,
        lambda s: eer(s.scores, s.labels).threshold,
    ),
    _tpr("tpr_at_fpr_1", 0.01),
    _tpr("tpr_at_fpr_5", 0.05),
    _bpcer("bpcer10", 0.10),
    _bpcer("bpcer20", 0.05),
    _bpcer("bpcer100", 0.01),
    _apcer("apcer_at_bpcer_5", 0.05),
)

# What the best threshold of all would give; of the target only.
BEST = Measured(
    "min_hter",
    lambda s, t: min_hter(s.scores, s.labels).hter,
    lambda w, t: w.min_hter(),
    Decided.hter,
    lambda s: min_hter(s.scores, s.labels).threshold,
    TARGET_MIN_HTER.name,
)

# At a threshold that a policy chose.
AT = (
    Measured("hter", lambda s, t: hter(s.scores, s.labels, t), lambda w, t: w.hter(t), Decided.hter),
    Measured(
        "apcer",
        lambda s, t: apcer_max(s.scores, s.labels, s.species, t),
        lambda w, t: w.apcer_max(t),
        Decided.apcer,
    ),
    Measured("bpcer", lambda s, t: bpcer(s.scores, s.labels, t), lambda w, t: w.bpcer(t), Decided.bpcer),
    Measured(
        "acer_max",
        lambda s, t: acer_max(s.scores, s.labels, s.species, t),
        lambda w, t: w.acer_max(t),
        Decided.acer_max,
    ),
    Measured("acer_pooled", lambda s, t: acer_pooled(s.scores, s.labels, t), lambda w, t: w.hter(t), Decided.hter),
)


def _of_family(family: str) -> Measured:
    def plain(samples: Samples, threshold: float) -> float:
        kinds = samples.families.get(family, {})
        return max((float((samples.scores[of] >= threshold).mean()) for of in kinds.values()), default=float("nan"))

    return Measured(
        f"apcer_{family}",
        plain,
        lambda w, t: w.apcer_in(family, t),
        lambda decided, level: decided.apcer_in(family, level),
    )


# Of a family of attacks, its worst species; where digital attacks are among those of a target.
OF_FAMILY = {family: _of_family(family) for family in FAMILIES}


def measured(name: str) -> Measured:
    """Return the metric of that name.

    Raises:
        UserError: there is none; names the nearest.
    """
    metrics = {metric.name: metric for metric in (*FREE, BEST, *AT, *OF_FAMILY.values())}
    if name not in metrics:
        raise unknown_name("metric", name, metrics)
    return metrics[name]
