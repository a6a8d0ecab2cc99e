"""BPCER at a limit on the APCER of the worst species, and the other way round."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from fasdata.errors import UserError
from fastrain.evaluation.metrics.apcer import apcer_max
from fastrain.evaluation.metrics.class_scores import ClassScores
from fastrain.evaluation.metrics.operating_point import OperatingPoint

_SLACK = 1e-9  # 0.05 x 20 and its like are meant to be whole numbers


def bpcer_at_apcer(
    scores: ArrayLike, labels: ArrayLike, species: Sequence[str] | np.ndarray, limit: float
) -> OperatingPoint:
    """Return the lowest threshold at which no species has an APCER above `limit`, and the rates there.

    `far` is the APCER of the worst species at that threshold, `frr` the BPCER: BPCER10, BPCER20 and BPCER100 of
    ISO/IEC 30107-3 at the limits 0.10, 0.05 and 0.01. The threshold is the lowest score that may be accepted, +inf
    when none may. All NaN if a class is missing.

    Raises:
        UserError: as `apcer_by_species`, or `limit` is not in [0, 1].
    """
    require_rate("BPCER@APCER", limit)
    classes = ClassScores.of(scores, labels)
    if classes.missing:
        return OperatingPoint(np.nan, np.nan, np.nan)
    values, attack, names = np.asarray(scores, np.float64), np.asarray(labels) == 0, np.asarray(species)
    apcer_max(values, labels, names, 0.0)  # for its checks
    refused = max(_highest_refused(values[attack & (names == name)], limit) for name in np.unique(names[attack]))
    above = values[values > refused]
    threshold = float(above.min()) if above.size else np.inf
    rejected = int(np.searchsorted(classes.bonafide, refused, side="right"))
    return OperatingPoint(threshold, apcer_max(values, labels, names, threshold), rejected / classes.bonafide.size)


def apcer_at_bpcer(
    scores: ArrayLike, labels: ArrayLike, species: Sequence[str] | np.ndarray, limit: float
) -> OperatingPoint:
    """Return the highest threshold at which the BPCER is at most `limit`, and the rates there.

    `far` is the APCER of the worst species. All NaN if a class is missing, or if so many bona fide samples could not
    be acquired (score -inf) that no threshold keeps the limit.

    Raises:
        UserError: as `apcer_by_species`, or `limit` is not in [0, 1].
    """
    require_rate("APCER@BPCER", limit)
    classes = ClassScores.of(scores, labels)
    if classes.missing:
        return OperatingPoint(np.nan, np.nan, np.nan)
    live = classes.bonafide
    allowed = int(np.floor(limit * live.size + _SLACK))
    if allowed >= live.size:
        return OperatingPoint(np.inf, apcer_max(scores, labels, species, np.inf), 1.0)
    threshold = float(live[allowed])
    if np.isneginf(threshold):
        return OperatingPoint(np.nan, np.nan, np.nan)
    rejected = int(np.searchsorted(live, threshold, side="left"))
    return OperatingPoint(threshold, apcer_max(scores, labels, species, threshold), rejected / live.size)


def require_rate(what: str, limit: float) -> None:
    """Raise a UserError unless `limit` is a rate."""
    if not 0 <= limit <= 1:
        raise UserError(f"{what} needs a rate", expected="a limit from 0 to 1", found=str(limit))


def _highest_refused(attacks: np.ndarray, limit: float) -> float:
    """Return the highest attack score that has to be rejected, -inf when all may be accepted."""
    allowed = int(np.floor(limit * attacks.size + _SLACK))
    return float(np.sort(attacks)[::-1][allowed]) if allowed < attacks.size else -np.inf
