"""The interval of a metric from plain arrays, as results have it from a score table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from fasdata.errors import UserError
from fastrain.evaluation.measures import AT, OF_FAMILY, measured
from fastrain.evaluation.metrics.counts import ClassScores
from fastrain.evaluation.scores import Samples
from fastrain.evaluation.statistics.clusters import Clusters, affordable
from fastrain.evaluation.statistics.intervals import RESAMPLES, resampled
from fastrain.evaluation.statistics.proportions import LEVEL, Interval


def interval(
    metric: str,
    scores: ArrayLike,
    labels: ArrayLike,
    *,
    threshold: float = float("nan"),
    people: Sequence[str] | None = None,
    datasets: Sequence[str] | None = None,
    clips: Sequence[str] | None = None,
    species: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
) -> Interval:
    """Return the interval of a metric over people, by default of 95 %: the one that stands beside it in `results.json`.

    `metric` is a name of `results.json`: auc, eer, min_hter, tpr_at_fpr_1, tpr_at_fpr_5, bpcer10, bpcer20, bpcer100,
    apcer_at_bpcer_5, and at a `threshold` hter, apcer (of the worst species), bpcer, acer_max, acer_pooled. Each of the
    others has an entry a sample: `people` the person ("" = not known; without any, every clip is a unit of its own),
    `datasets` in which people are drawn apart, `clips` what frames belong together (default: each sample its own),
    `species` the attack's kind (default: all one). A failure to acquire has the score -inf. NaN ends where a class is
    missing.

    Raises:
        UserError: no such metric; a threshold is missing or given for nothing; lengths differ; as `ClassScores.of`.

    >>> scores, labels = [0.9] * 4 + [0.1] * 4, [1] * 4 + [0] * 4
    >>> wide = interval("hter", scores, labels, threshold=0.5, people=["anna", "ben", "cleo", "dora"] * 2)
    >>> wide.low, round(wide.high, 2), wide.rule  # no error, but four people alone
    (0.0, 0.43, 'joined')
    """
    measure = measured(metric)
    at_threshold = measure in AT or measure in OF_FAMILY.values()
    if at_threshold and np.isnan(threshold):
        raise UserError(
            f"{metric} is measured at a threshold", do="pass threshold=: from there on a score is bona fide"
        )
    if not at_threshold and not np.isnan(threshold):
        raise UserError(f"{metric} finds its own threshold", found=f"threshold={threshold:g}", do="leave it out")
    ClassScores.of(scores, labels)
    values = np.asarray(scores, np.float64)
    number = np.arange(len(values)).astype(str)
    columns = {
        "subject": _texts("people", people, len(values), ""),
        "dataset": _texts("datasets", datasets, len(values), "all"),
        "clip_id": number.astype(object) if clips is None else _texts("clips", clips, len(values), ""),
        "species": _texts("species", species, len(values), "any"),
    }
    import pandas as pd

    frame = pd.DataFrame(columns)
    clip = np.asarray(frame.groupby(["dataset", "clip_id"], sort=False).ngroup(), np.int64)
    samples = Samples(values, np.asarray(labels, np.int64), frame["species"].to_numpy(object), clip)
    if samples.missing or np.isnan(measure.plain(samples, threshold)):
        return Interval(float("nan"), float("nan"))
    clusters, drawn = Clusters.of(frame), None
    if measure.resampled and resamples:
        measures = {metric: measure.at(threshold)}
        number_drawn = affordable(resamples, len(values))
        drawn = resampled(samples, clusters, measures, resamples=number_drawn, seed=seed)[metric]
    return measure.interval([(samples, threshold)], clusters, drawn, level)


def _texts(what: str, given: Sequence[str] | None, number: int, usual: str) -> np.ndarray:
    texts = np.full(number, usual, object) if given is None else np.array([str(text) for text in given], object)
    if len(texts) != number:
        raise UserError(f"scores and {what} differ in number", found=f"{number} scores, {len(texts)} {what}")
    return texts
