"""Metrics and their intervals as functions: arrays in, numbers out; 1 = bona fide, a higher score = bona fide.

The very functions that `results.json` is made with; `fastrain.evaluation.metrics` says what they all hold to.

>>> from fastrain import metrics
>>> scores, labels = [0.9, 0.8, 0.6, 0.4, 0.3, 0.1], [1, 1, 0, 1, 0, 0]
>>> round(metrics.auc(scores, labels), 4), metrics.hter(scores, labels, threshold=0.5)
(0.8889, 0.3333333333333333)
>>> metrics.eer(scores, labels).threshold
0.5
"""

from __future__ import annotations

from fastrain.evaluation.array_intervals import interval
from fastrain.evaluation.metrics.calibration import cllr, min_cllr, reliability
from fastrain.evaluation.metrics.counts import OperatingPoint, fuse
from fastrain.evaluation.metrics.curve import Roc, apcer_at_bpcer, auc, bpcer_at_apcer, eer, min_hter, tpr_at_fpr
from fastrain.evaluation.metrics.rates import acer_max, acer_pooled, apcer_by_species, apcer_max, bpcer, hter
from fastrain.evaluation.statistics.proportions import Interval

__all__ = [
    "Interval", "OperatingPoint", "Roc", "acer_max", "acer_pooled", "apcer_at_bpcer", "apcer_by_species", "apcer_max",
    "auc", "bpcer", "bpcer_at_apcer", "cllr", "eer", "fuse", "hter", "interval", "min_cllr", "min_hter", "reliability",
    "tpr_at_fpr",
]  # fmt: skip
