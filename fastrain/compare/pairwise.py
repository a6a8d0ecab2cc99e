"""Test two systems clip by clip: DeLong's test of their AUCs and McNemar's of their decisions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fasdata.errors import UserError
from fasdata.page.spelling import p_value
from fastrain.compare.system import ScoredRun, System
from fastrain.evaluation.averaged import networks
from fastrain.evaluation.score_rules import KEY_COLUMNS
from fastrain.evaluation.scores import Samples, ScoreTable
from fastrain.evaluation.statistics.paired import delong, mcnemar
from fastrain.evaluation.thresholds import SOURCE_EER, ThresholdPolicy, held_out_threshold


def target_of(scores: ScoreTable, folder: Path) -> ScoreTable:
    """Return the clips of the target in one order for all runs; `folder` names the run.

    Raises:
        UserError: the target was not scored.
    """
    clips = scores.clips().part("test")
    if clips is None:
        raise UserError(f"the run {folder} has no scores of the target", do="run 'fastrain eval' on it")
    return ScoreTable(clips.frame.sort_values(list(KEY_COLUMNS), kind="stable"), str(folder))


def threshold_of(scores: ScoreTable, target: Samples, policy: ThresholdPolicy | None) -> float:
    """Return the clip-level threshold of `policy`, NaN where there is none."""
    if policy is None:
        return np.nan
    if policy.part != "test":
        return held_out_threshold(scores, policy)
    return np.nan if target.missing else policy.choose(target.scores, target.labels)


def pair_test(system: System, baseline: System) -> str:
    """Return the tests of a system against the baseline as a sentence, one pair of runs after the other.

    Runs of one seed make a pair; where no seeds agree, the first of each. Both tests take clips as independent, which
    those of one person are not, so their p-values are the smallest that could be claimed.
    """
    tests = [
        f"{_seeds(*pair)} DeLong {p_value(_auc_test(*pair))}, McNemar {p_value(_decision_test(*pair))}"
        for pair in _pairs(system, baseline)
    ]
    return (
        f"{system.name} against {baseline.name}: {'; '.join(tests)} (AUC; decisions at {SOURCE_EER.name}; clips taken "
        "as independent)"
    )


def _pairs(system: System, baseline: System) -> list[tuple[ScoredRun, ScoredRun]]:
    by_seed = {run.about.seed: run for run in baseline.runs}
    same = [(run, by_seed[run.about.seed]) for run in system.runs if run.about.seed in by_seed]
    return same or [(system.runs[0], baseline.runs[0])]


def _seeds(run: ScoredRun, other: ScoredRun) -> str:
    seeds = [str(member.about.seed) for member in (run, other)]
    return f"seed {seeds[0]}:" if seeds[0] == seeds[1] else f"seeds {seeds[0]} and {seeds[1]}:"


def _auc_test(run: ScoredRun, other: ScoredRun) -> float:
    first, second = _samples(run), _samples(other)
    return float("nan") if first is None or second is None else delong(first.scores, second.scores, first.labels)


def _decision_test(run: ScoredRun, other: ScoredRun) -> float:
    first, second = _correct(run), _correct(other)
    return float("nan") if first is None or second is None else mcnemar(first, second)


def _samples(run: ScoredRun) -> Samples | None:
    """Return the target's clips; None for a run that reports a mean over networks, which gives no clip one score."""
    if len(networks(run.scores)) > 1:
        return None
    return Samples.of(target_of(run.scores, run.folder), "count")


def _correct(run: ScoredRun) -> NDArray[np.bool_] | None:
    """Return which of the target's clips are decided right at the sources' threshold, None where there is none."""
    samples = _samples(run)
    threshold = threshold_of(run.scores, samples, SOURCE_EER) if samples else np.nan
    if samples is None or np.isnan(threshold):
        return None
    correct: NDArray[np.bool_] = (samples.scores >= threshold) == (samples.labels == 1)
    return correct
