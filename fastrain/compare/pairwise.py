"""Test two systems clip by clip: DeLong's test of their AUCs and McNemar's of their decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from fasdata.errors import UserError
from fasdata.page.spelling import p_value
from fastrain.compare.system import ScoredRun, System
from fastrain.evaluation.averaged import networks
from fastrain.evaluation.scores import Samples, ScoreTable
from fastrain.evaluation.statistics.paired import delong, mcnemar
from fastrain.evaluation.thresholds import SOURCE_EER, ThresholdPolicy, held_out_threshold

Order: TypeAlias = NDArray[np.int64]  # the places of the reference's clips in a run's own table


def target_of(scores: ScoreTable, folder: Path, order: Order | None = None) -> ScoreTable:
    """Return the clips of the target, in their own order or in the one given; `folder` names the run.

    Raises:
        UserError: the target was not scored.
    """
    clips = scores.clips().part("test")
    if clips is None:
        raise UserError(f"the run {folder} has no scores of the target", do="run 'fastrain eval' on it")
    return ScoreTable(clips.frame if order is None else clips.frame.iloc[order], str(folder))


def threshold_of(scores: ScoreTable, target: Samples, policy: ThresholdPolicy | None) -> float:
    """Return the clip-level threshold of `policy`, NaN where there is none."""
    if policy is None:
        return np.nan
    if policy.part != "test":
        return held_out_threshold(scores, policy)
    return np.nan if target.missing else policy.choose(target.scores, target.labels)


def pair_test(system: System, baseline: System, orders: Mapping[Path, Order]) -> str:
    """Return the tests of a system against the baseline as a sentence, one pair of runs after the other.

    Runs of one seed make a pair; where no seeds agree, the first of each. Both tests take clips as independent, which
    those of one person are not, so their p-values are the smallest that could be claimed. `orders` lines the clips up.
    """
    tests = []
    for pair in _pairs(system, baseline):
        first, second = (_Decided.of(run, orders[run.folder]) for run in pair)
        tests.append(f"{_seeds(*pair)}DeLong {p_value(_auc_test(first, second))}, "
                     f"McNemar {p_value(_decision_test(first, second))}")  # fmt: skip
    return (
        f"{system.name} against {baseline.name}: {'; '.join(tests)} (AUC; decisions at {SOURCE_EER.name}; clips taken "
        "as independent)"
    )


def _pairs(system: System, baseline: System) -> list[tuple[ScoredRun, ScoredRun]]:
    by_seed = {run.about.seed: run for run in baseline.runs}
    same = [(run, by_seed[run.about.seed]) for run in system.runs if run.about.seed in by_seed]
    return same or [(system.runs[0], baseline.runs[0])]


def _seeds(run: ScoredRun, other: ScoredRun) -> str:
    seeds = [str(member.about.seed) for member in (run, other) if member.about.seed is not None]
    if len(seeds) < 2:
        return ""  # scores from outside have no seed
    return f"seed {seeds[0]}: " if seeds[0] == seeds[1] else f"seeds {seeds[0]} and {seeds[1]}: "


@dataclass(frozen=True)
class _Decided:
    """The target's clips, and which are decided right at the sources' threshold, None where there is none.

    Both are None for a run that reports a mean over networks, which gives no clip one score.
    """

    samples: Samples | None
    right: NDArray[np.bool_] | None

    @classmethod
    def of(cls, run: ScoredRun, order: Order) -> _Decided:
        if len(networks(run.scores)) > 1:
            return cls(None, None)
        samples = Samples.of(target_of(run.scores, run.folder, order), "count")
        threshold = threshold_of(run.scores, samples, SOURCE_EER)
        right = None if np.isnan(threshold) else (samples.scores >= threshold) == (samples.labels == 1)
        return cls(samples, right)


def _auc_test(first: _Decided, second: _Decided) -> float:
    if first.samples is None or second.samples is None:
        return float("nan")
    return delong(first.samples.scores, second.samples.scores, first.samples.labels)


def _decision_test(first: _Decided, second: _Decided) -> float:
    return float("nan") if first.right is None or second.right is None else mcnemar(first.right, second.right)
