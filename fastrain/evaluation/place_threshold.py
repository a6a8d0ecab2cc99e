"""A threshold for a place, from some of its own people, that keeps a promise about people it has not seen.

`bpcer<=0.05` promises that of the bona fide presentations of such people at most 5 % are rejected; `apcer<=0.05` that
of the attacks at most 5 % are accepted, of every species. Presentations of one person resemble one another, so people
are counted and not clips: a threshold is taken only where an upper bound of the rate over people (Clopper and Pearson
1934, one-sided, 90 %) keeps the limit. Even without a single error that takes ln(0.1) / ln(1 - limit) people: 45 for
5 %. Fewer are refused, since they can promise nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fasdata.errors import UserError
from fastrain.evaluation.statistics.proportions import clopper_pearson

CONFIDENCE = 0.9
_POLICY = re.compile(r"(bpcer|apcer)\s*<=\s*(\d*\.?\d+)\s*(%?)")


@dataclass(frozen=True)
class Promise:
    """A rate that a threshold is to keep at or below a limit.

    >>> Promise.parse("bpcer<=5%"), Promise.parse("APCER <= 0.1").people
    (Promise(rate='bpcer', limit=0.05), 22)
    """

    rate: str
    limit: float

    @classmethod
    def parse(cls, text: str) -> Promise:
        """Read `bpcer<=0.05`, `apcer<=5%`.

        Raises:
            UserError: another form, or a limit outside 0.1 % to 50 %.
        """
        match = _POLICY.fullmatch(text.strip().lower())
        limit = float(match[2]) / (100 if match[3] else 1) if match else 0.0
        if not match or not 0.001 <= limit <= 0.5:
            raise UserError(f"--policy {text!r}", expected="bpcer<=0.05 or apcer<=0.05, with a limit from 0.001 to 0.5")
        return cls(match[1], limit)

    @property
    def people(self) -> int:
        """How many people it takes at least: with fewer, no error at all would promise nothing."""
        return math.ceil(math.log(1 - CONFIDENCE) / math.log(1 - self.limit))

    def __str__(self) -> str:
        return f"{self.rate}<={self.limit:g}"


@dataclass(frozen=True)
class PlaceThreshold:
    """A threshold and what it rests on: people, presentations, errors among them, and the bound that it keeps."""

    value: float
    promise: Promise
    people: int
    presentations: int
    observed: float
    bound: float


def upper_bound(errors: float, people: int, confidence: float = CONFIDENCE) -> float:
    """Return the one-sided Clopper-Pearson bound of a rate, from so many errors in so many people.

    >>> round(upper_bound(0, 45), 4), upper_bound(3, 3)
    (0.0499, 1.0)
    """
    k = min(math.ceil(errors - 1e-9), people)
    return 1.0 if k >= people else float(clopper_pearson(k, people, 2 * confidence - 1)[1])


def place_threshold(
    promise: Promise,
    scores: NDArray[np.float64],
    bonafide: NDArray[np.bool_],
    people: Sequence[str],
    species: Sequence[str],
) -> PlaceThreshold:
    """Return the threshold that keeps a promise and errs least otherwise; a score at it is accepted.

    For BPCER it is the highest threshold that keeps the limit, for APCER the lowest that keeps it in every species. A
    presentation without a score (NaN) counts as rejected. `people` are names, of which none is empty.

    Raises:
        UserError: presentations without a name, too few people of the class (or of a species), or no threshold that
            keeps the limit.
    """
    wanted = bonafide if promise.rate == "bpcer" else ~bonafide
    who = np.asarray(people, object)
    if (who[wanted] == "").any():
        raise UserError(
            f"{int((who[wanted] == '').sum())} presentations name no person",
            expected="who is who: a promise about people counts people",
            do="state them in the table's column subject, or with --subjects",
        )
    filled = np.where(np.isnan(scores), -np.inf, scores)
    if promise.rate == "bpcer":
        return _rejecting_few(promise, filled[wanted], who[wanted])
    kinds = np.asarray(species, object)
    each = [
        _accepting_few(promise, filled[wanted & (kinds == kind)], who[wanted & (kinds == kind)], f"species {kind}")
        for kind in dict.fromkeys(kinds[wanted])
    ]
    if not each:
        raise _too_few(promise, 0, "attacks")
    return max(each, key=lambda threshold: threshold.value)


# -- How sure the threshold itself is ----------------------------------------------------------------------------------

RESAMPLES = 500


def threshold_interval(
    promise: Promise,
    scores: NDArray[np.float64],
    bonafide: NDArray[np.bool_],
    people: Sequence[str],
    species: Sequence[str],
) -> tuple[float, float]:
    """Return between which values 95 % of the thresholds lie that other draws of as many of these people give.

    Arguments are those of `place_threshold`, which has to have found one.
    """
    rng = np.random.default_rng(0)
    wanted = bonafide if promise.rate == "bpcer" else ~bonafide
    kinds, who = np.asarray(species, object), np.asarray(people, object)
    filled = np.where(np.isnan(scores), -np.inf, scores)
    groups = (
        [wanted] if promise.rate == "bpcer" else [wanted & (kinds == kind) for kind in dict.fromkeys(kinds[wanted])]
    )
    values = []
    for members in groups:
        names, unit = np.unique(who[members].astype(str), return_inverse=True)
        drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), RESAMPLES)
        values.append(drawn_thresholds(promise, filled[members], unit, drawn))
    low, high = np.percentile(np.max(values, axis=0), (2.5, 97.5), method="nearest")
    return float(low), float(high)


def drawn_thresholds(
    promise: Promise, scores: NDArray[np.float64], unit: NDArray[np.int64], drawn: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the thresholds of draws (R, people): how often each person is in them. `unit` is the person of each score.

    A draw that no score can keep the promise for has the outermost score.
    """
    people = drawn.shape[1]
    allowed = max(k for k in range(people) if upper_bound(k, people) <= promise.limit) + 1e-9
    weights = drawn[:, unit] / np.bincount(unit, minlength=people)[unit]
    scored = np.isfinite(scores)
    order = np.flatnonzero(scored)[np.argsort(scores[scored], kind="stable")]
    levels, first = np.unique(scores[order], return_index=True)
    below = np.cumsum(np.concatenate([np.zeros((len(drawn), 1)), weights[:, order]], axis=1), axis=1)
    if promise.rate == "bpcer":
        errors = weights[:, ~scored].sum(axis=1, keepdims=True) + below[:, first]  # rejected: all under a level
        place = np.maximum((errors <= allowed).sum(axis=1) - 1, 0)
        return np.asarray(levels[place], np.float64)
    ends = np.append(first[1:], len(order))
    errors = below[:, -1:] - below[:, np.append(0, ends)]  # accepted: all from the first level, then all above each
    values = np.append(levels[:1], np.nextafter(levels, np.inf))
    place = np.minimum((errors > allowed).sum(axis=1), len(values) - 1)
    return np.asarray(values[place], np.float64)


def _rejecting_few(promise: Promise, scores: NDArray[np.float64], who: NDArray[np.object_]) -> PlaceThreshold:
    people, unit = _people(promise, who, "bona fide presentations")
    for value in np.unique(scores[np.isfinite(scores)])[::-1]:  # the highest first: it lets the fewest attacks through
        kept = _kept(promise, scores < value, people, unit, float(value))
        if kept:
            return kept
    raise UserError(
        f"no threshold keeps {promise} among {people} people", found="too many presentations without a score or alike"
    )


def _accepting_few(
    promise: Promise, scores: NDArray[np.float64], who: NDArray[np.object_], what: str
) -> PlaceThreshold:
    people, unit = _people(promise, who, f"attacks of the {what}")
    levels = np.unique(scores[np.isfinite(scores)])
    above = [float(np.nextafter(level, np.inf)) for level in levels]
    for value in [float(levels[0]) if len(levels) else 0.0, *above]:  # the lowest first: it rejects the fewest people
        kept = _kept(promise, scores >= value, people, unit, value)
        if kept:
            return kept
    raise UserError(f"no threshold keeps {promise} for the {what}")


def _kept(
    promise: Promise, wrong: NDArray[np.bool_], people: int, unit: NDArray[np.int64], value: float
) -> PlaceThreshold | None:
    shares = np.bincount(unit, weights=wrong, minlength=people) / np.bincount(unit, minlength=people)
    bound = upper_bound(float(shares.sum()), people)
    if bound > promise.limit:
        return None
    return PlaceThreshold(value, promise, people, len(unit), float(shares.mean()), bound)


def _people(promise: Promise, who: NDArray[np.object_], what: str) -> tuple[int, NDArray[np.int64]]:
    names, unit = np.unique(who.astype(str), return_inverse=True)
    if len(names) < promise.people:
        raise _too_few(promise, len(names), what)
    return len(names), unit.astype(np.int64)


def _too_few(promise: Promise, people: int, what: str) -> UserError:
    return UserError(
        f"{people} people with {what} can promise nothing of {promise}",
        expected=f"{promise.people} or more: with fewer, even no error leaves a rate above {promise.limit:.1%} "
        f"possible (one-sided bound of {CONFIDENCE:.0%} over people)",
        do="record more people, or promise less",
    )
