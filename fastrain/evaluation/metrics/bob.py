"""Compute operating points and rates as bob.pad.base does, where it defines them otherwise than we do.

Facts from bob.pad.base (`error_utils`, `script/pad_figure`) and bob.measure (`_library`), newest versions.

Its BPCER20 threshold is an attack score, ours the lowest score that may be accepted: bona fide scores between two
attack scores are rejected by bob and accepted by us. Its APCER20 takes a rank among bona fide scores: where the lowest
are equal, more of them are rejected than the limit allows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fasdata.errors import UserError

CRITERIA = ("eer", "min-hter", "bpcer10", "bpcer20", "bpcer100", "apcer10", "apcer20", "apcer100")
_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class BobRates:
    """What bob prints at a threshold, as shares; `apcer_pais` by attack name, `apcer_ap` the largest of them."""

    threshold: float
    apcer_pais: dict[str, float]
    apcer_ap: float
    bpcer: float
    fpr: float
    fta: float

    @property
    def acer(self) -> float:
        """Return (APCER_AP + BPCER) / 2."""
        return (self.apcer_ap + self.bpcer) / 2

    @property
    def hter(self) -> float:
        """Return (FPR + FNR) / 2, all attacks pooled."""
        return (self.fpr + self.bpcer) / 2


def bob_threshold(criterion: str, scores: ArrayLike, labels: ArrayLike, attacks: ArrayLike) -> float:
    """Return the threshold that bob takes for a criterion, one of `CRITERIA`.

    `labels` are 1 for bona fide, `attacks` the name of each attack; scores that are not finite are left out, as bob
    leaves NaN out.

    Raises:
        UserError: a class or an attack has fewer scores than bob needs.

    >>> scores, labels, names = [0.1, 0.2, 0.3, 0.25, 0.9, 0.8], [0, 0, 0, 1, 1, 1], ["p"] * 3 + [""] * 3
    >>> bob_threshold("bpcer2", scores, labels, names), bob_threshold("apcer2", scores, labels, names)
    (0.3, 0.8)
    """
    live, by_name = _classes(scores, labels, attacks)
    spoof = np.sort(np.concatenate([*by_name.values()])) if by_name else np.zeros(0)
    if not live.size or not spoof.size:
        raise UserError("bob finds no threshold", expected="scores of both classes")
    if criterion.startswith("bpcer"):
        limit = 1 / float(criterion.removeprefix("bpcer"))
        return max(_far_threshold(of_species, limit) for of_species in by_name.values())
    if criterion.startswith("apcer"):
        return _frr_threshold(live, 1 / float(criterion.removeprefix("apcer")))
    return _minimizing(spoof, live, absolute=criterion == "eer")


def bob_rates(threshold: float, scores: ArrayLike, labels: ArrayLike, attacks: ArrayLike) -> BobRates:
    """Return the rates that bob prints at a threshold; a score on it is accepted."""
    live, by_name = _classes(scores, labels, attacks)
    pais = {name: float((of_species >= threshold).mean()) for name, of_species in by_name.items()}
    spoof = np.concatenate([*by_name.values()]) if by_name else np.zeros(0)
    values = np.asarray(scores, np.float64)
    return BobRates(
        threshold,
        pais,
        max(pais.values(), default=float("nan")),
        float((live < threshold).mean()) if live.size else float("nan"),
        float((spoof >= threshold).mean()) if spoof.size else float("nan"),
        float((~np.isfinite(values)).mean()),
    )


def _classes(scores: ArrayLike, labels: ArrayLike, attacks: ArrayLike) -> tuple[_Floats, dict[str, _Floats]]:
    values, classes, names = np.asarray(scores, np.float64), np.asarray(labels), np.asarray(attacks, object)
    usable = np.isfinite(values)
    spoof = usable & (classes == 0)
    order = dict.fromkeys(str(name) for name in names[spoof])
    return np.sort(values[usable & (classes == 1)]), {n: np.sort(values[spoof & (names == n)]) for n in order}


def _far_threshold(attacks: _Floats, limit: float) -> float:
    """Return the lowest attack score at or above which at most `limit` of the attacks lie; above all if none is."""
    _require_two(attacks, "attack")
    if limit >= 1 - np.finfo(np.float64).eps:
        return float(np.nextafter(attacks[0], attacks[0] - 1))
    distinct, counts = np.unique(attacks, return_counts=True)
    accepted = np.cumsum(counts[::-1]) / attacks.size
    within = int(np.argmax(accepted > limit))  # the last is 1, above the limit
    return float(distinct[::-1][within - 1]) if within else float(np.nextafter(attacks[-1], attacks[-1] + 1))


def _frr_threshold(live: _Floats, limit: float) -> float:
    """Return the highest bona fide score whose last equal has at most `limit` of the scores before it."""
    _require_two(live, "bona fide")
    if limit >= 1 - np.finfo(np.float64).eps:
        return float(np.nextafter(live[-1], live[-1] + 1))
    distinct, counts = np.unique(live, return_counts=True)
    before_last = (np.cumsum(counts) - 1) / live.size
    over = before_last > limit
    within = int(np.argmax(over)) if over.any() else distinct.size
    return float(distinct[within - 1]) if within else float(np.nextafter(live[0], live[0] + 1))


def _require_two(scores: _Floats, what: str) -> None:
    if scores.size < 2:
        raise UserError("bob finds no threshold", expected=f"two {what} scores or more of each kind")


def _minimizing(spoof: _Floats, live: _Floats, *, absolute: bool) -> float:
    """Return the threshold that minimises |FAR - FRR| or their mean, half way between two scores.

    Of equals the highest is taken, up to where one class ends. The shares are summed up as bob sums them: between near
    ties the rounding decides.
    """
    distinct = np.unique(np.concatenate([spoof, live]))
    far = np.subtract.accumulate(np.concatenate([[1.0], np.full(spoof.size, 1 / spoof.size)]))
    frr = np.add.accumulate(np.concatenate([[0.0], np.full(live.size, 1 / live.size)]))
    passed = [np.searchsorted(scores, distinct, side="right") for scores in (spoof, live)]
    ended = int(np.argmax((passed[0] == spoof.size) | (passed[1] == live.size)))
    threshold = np.concatenate([distinct[:1], (distinct[:-1] + distinct[1:]) / 2, distinct[-1:]])[: ended + 2]
    fars = np.concatenate([[1.0], far[passed[0]]])[: ended + 2]
    frrs = np.concatenate([[0.0], frr[passed[1]]])[: ended + 2]
    cost = np.abs(fars - frrs) if absolute else 0.5 * fars + (1.0 - 0.5) * frrs
    best = ended - int(np.argmin(cost[: ended + 1][::-1]))
    if cost[-1] < cost[best]:
        best = ended + 1
    if ended < distinct.size - 1 and (1.0 if absolute else 0.5) < cost[best]:
        rest = spoof if passed[0][ended] < spoof.size else live
        return float(np.nextafter(rest[-1], rest[-1] + 1))
    return float(threshold[best])
