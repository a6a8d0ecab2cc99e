"""The older metric set many face anti-spoofing repositories share: a fixed threshold grid over [0, 1]."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fasdata.errors import UserError
from fastrain.evaluation.metrics.class_scores import ClassScores
from fastrain.evaluation.metrics.counts import Counts


def legacy(scores: ArrayLike, labels: ArrayLike, *, cells: int = 10_000) -> dict[str, float]:
    """Return EER, its threshold EER_THR, and HTER and ACC there.

    The grid has `cells` even steps from 0 to 1 and the value 1.1, which rejects every probability; of equal gaps
    |FAR - FRR| the *last* threshold is taken; the rate of a class without samples counts as 1. Scores outside [0, 1]
    are lumped at its ends. Source: models/HFN_MP/utils.py of MetaPattern_FAS, as in SSDG.

    Raises:
        UserError: no sample, or as `ClassScores.of`.
    """
    classes = ClassScores.of(scores, labels)
    total = classes.bonafide.size + classes.attack.size
    if not total:
        raise UserError("no scores to evaluate", expected="at least one sample")
    grid = np.append(np.arange(cells + 1) / cells, 1.1)
    counts = Counts.at(classes, grid)
    far, frr = _one_if_empty(counts.far), _one_if_empty(counts.frr)
    gap = np.abs(frr - far)
    best = int(gap.size - 1 - np.argmin(gap[::-1]))
    half = float(far[best] + frr[best]) / 2
    right = int(counts.accepted_bonafide[best]) + counts.attacks - int(counts.accepted_attack[best])
    return {"EER": half, "EER_THR": float(grid[best]), "HTER": half, "ACC": right / total}


def _one_if_empty(rate: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.nan_to_num(rate, nan=1.0)
