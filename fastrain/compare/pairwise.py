"""Test two systems on the same people, a column of the table after the other, and say what could not have been seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fasdata.page.spelling import p_value
from fastrain.compare.judged import Columns, Judged
from fastrain.evaluation.measures import measured
from fastrain.evaluation.scores import Samples
from fastrain.evaluation.statistics.clusters import FEW, Clusters
from fastrain.evaluation.statistics.paired import FlipTest, Group, Pair, decided, holm, ranked, sign_flip_of_mean
from fastrain.evaluation.thresholds import ThresholdPolicy

CLEAR, VERY_CLEAR = 0.05, 0.01
_BETTER = {"auc": 1}  # of the others less is better


@dataclass(frozen=True)
class Verdict:
    """A test of a cell against another: `corrected` is its p among all of the table, `unseen` what it could not see.

    `better` is 1 where the first system is the better one, -1 where it is the worse one, 0 where they are equal.
    """

    test: FlipTest
    corrected: float
    better: int
    unseen: float
    enough: bool
    """Whether the people are enough for any mark."""

    @property
    def distinguishable(self) -> bool:
        """Return whether the difference is more than chance, with enough people to say so."""
        return self.enough and self.corrected < CLEAR and self.better != 0

    @property
    def mark(self) -> str:
        """Return `▲` for better and `▼` for worse, doubled for a corrected p below 0.01; "" for neither."""
        if not self.distinguishable:
            return ""
        return ("▲" if self.better > 0 else "▼") * (2 if self.corrected < VERY_CLEAR else 1)


def enough_people(*clusters: Clusters) -> bool:
    """Tell whether people suffice for marks: fewer than twenty do not, nor do clips of people that nobody names."""
    return sum(of.subjects for of in clusters) >= FEW


def verdicts(tested: Sequence[tuple[Judged, Judged, int]], draws: int) -> list[Verdict | None]:
    """Return the verdict of each (system, other, column), None where one lacks the number; p is corrected for all."""
    tests = [_test(own, other, column, draws) for own, other, column in tested]
    corrected = iter(holm([test.p for test in tests if test]))
    out: list[Verdict | None] = []
    for (own, other, column), test in zip(tested, tests, strict=True):
        if test is None:
            out.append(None)
            continue
        sign = _BETTER.get(own.columns[column][1], -1) * (int(test.difference > 0) - int(test.difference < 0))
        clusters = [part.clusters for part in own.on[column]]
        unseen = _unseen(own, other, column, sum(len(of.stratum) for of in clusters))
        out.append(Verdict(test, next(corrected), sign, unseen, enough_people(*clusters)))
    return out


def better_of(values: Sequence[float], name: str) -> int:
    """Return the place of the best of several values of a metric."""
    return int(np.argmax(values) if _BETTER.get(name, -1) > 0 else np.argmin(values))


def _test(own: Judged, other: Judged, column: int, draws: int) -> FlipTest | None:
    if own.of_people[column] is None or other.of_people[column] is None:
        return None
    _, name, policy = own.columns[column]
    if policy is None:
        measure = measured(name).at(np.nan)
    elif policy.part == "test":  # its threshold is that of the EER, whatever is exchanged
        measure = measured("eer").at(np.nan)
    else:
        measure = measured(name).at(0.5)
    groups = [
        Group(_pairs(mine.networks, others.networks, policy), mine.clusters)
        for mine, others in zip(own.on[column], other.on[column], strict=True)
    ]
    return sign_flip_of_mean(groups, measure, draws=draws)


def _pairs(
    first: Sequence[tuple[Samples, float]], second: Sequence[tuple[Samples, float]], policy: ThresholdPolicy | None
) -> list[Pair]:
    if len(first) == len(second):
        places = [(at, at) for at in range(len(first))]
    else:  # the mean over all pairs is the difference of the means
        places = [(a, b) for a in range(len(first)) for b in range(len(second))]
    on_scale = [[_on_one_scale(policy, *network) for network in networks] for networks in (first, second)]
    return [(on_scale[0][a], on_scale[1][b]) for a, b in places]


def _on_one_scale(policy: ThresholdPolicy | None, samples: Samples, threshold: float) -> Samples:
    return decided(samples, threshold) if policy is not None and policy.part != "test" else ranked(samples)


def _unseen(own: Judged, other: Judged, column: int, people: int) -> float:
    """Return how large a difference has to be to be seen with these people and seeds; NaN without resamples."""
    from scipy.special import stdtrit

    drawn = own.resampled[column], other.resampled[column]
    if not drawn[0].size or len(drawn[0]) != len(drawn[1]):
        return float("nan")
    variance = float((drawn[0] - drawn[1]).var(ddof=1)) + sum(_of_seeds(each.by_run[column]) for each in (own, other))
    return float(stdtrit(max(people - 1, 1), 0.975)) * float(np.sqrt(variance))


def _of_seeds(values: NDArray[np.float64]) -> float:
    return float(values.var(ddof=1)) / len(values) if len(values) > 1 else 0.0


# -- In words ----------------------------------------------------------------------------------------------------------

OUT_OF_REACH = "distinguishable: with these people no difference could be"


def sentence(
    names: tuple[str, str], columns: Columns, verdicts_of: Sequence[Verdict | None], clusters: Clusters
) -> str:
    """Return the tests of a system against another as a sentence, one column after the other.

    What could not be seen is said once where it is the same of all.
    """
    unseen = {_not_seen(verdict, name) for (_, name, _), verdict in zip(columns, verdicts_of, strict=True) if verdict}
    none = unseen == {f", not {OUT_OF_REACH}"}
    parts = []
    for (title, name, _), verdict in zip(columns, verdicts_of, strict=True):
        if verdict is None:
            parts.append(f"{title} not defined")
            continue
        test = verdict.test
        words = f"{title} {p_value(test.p)}, corrected {p_value(verdict.corrected)}"
        not_seen = "" if none else _not_seen(verdict, name)
        parts.append(f"{words} (smallest reachable {test.smallest:.3g}){not_seen}")
    # Of clips that are nobody's, p may be as small as it likes: that people are too few is not what is said then.
    parts += [f"none {OUT_OF_REACH if clusters.subjects else 'distinguishable'}"] if none else []
    few = "" if enough_people(clusters) else f"; {_too_few(clusters)}: nothing is marked"
    first = next((verdict.test for verdict in verdicts_of if verdict), None)
    how = "all exchanges of" if first and first.exact else "exchanges of"
    return f"{names[0]} against {names[1]}, {how} {_units(clusters)}: {'; '.join(parts)}{few}"


def _not_seen(verdict: Verdict, name: str) -> str:
    if verdict.distinguishable:
        return ""
    if not verdict.enough or verdict.test.smallest >= CLEAR:
        return f", not {OUT_OF_REACH}"
    if not np.isfinite(verdict.unseen):
        return ", not distinguishable"
    size = f"{verdict.unseen:.3f}" if name == "auc" else f"{100 * verdict.unseen:.2f} points"
    return f", not distinguishable; a difference below {size} would not be seen with these people"


def _units(clusters: Clusters) -> str:
    return "clips of people that nobody names" if not clusters.subjects else f"{clusters.subjects} people"


def _too_few(clusters: Clusters) -> str:
    return "the people are not known" if not clusters.subjects else f"fewer than {FEW} people"
