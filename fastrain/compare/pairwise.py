"""Two systems clip by clip: what of a run is judged, DeLong's test of AUCs and McNemar's of decisions."""

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

# -- What of a run's scores is judged: the target's clips, at a threshold that a policy finds -------------------------


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
    """Return the clip-level threshold of `policy`, NaN where there is none to be had."""
    if policy is None:
        return np.nan
    if policy.part != "test":
        return held_out_threshold(scores, policy)
    return np.nan if target.missing else policy.choose(target.scores, target.labels)


# -- Two systems clip by clip: DeLong's test of their AUCs and McNemar's of their decisions ---------------------------


def pair_test(system: System, baseline: System) -> str:
    """Return the tests of a system against the baseline as a line, one pair of runs after the other.

    Runs of one seed make a pair; where no seeds agree, the first of each. Both tests take clips as independent, which
    those of one person are not, so their p-values are the smallest that could be claimed.
    """
    pairs = _pairs(system, baseline)
    found = [f"{_seeds(one, other)} DeLong {p_value(_auc(one, other))}, McNemar {p_value(_right(one, other))}"
             for one, other in pairs]  # fmt: skip
    return (
        f"{system.name} against {baseline.name}: {'; '.join(found)} (AUC; decisions at {SOURCE_EER.name}; clips taken "
        "as independent)"
    )


def _pairs(system: System, baseline: System) -> list[tuple[ScoredRun, ScoredRun]]:
    by_seed = {run.about.get("seed"): run for run in baseline.runs}
    same = [(run, by_seed[run.about.get("seed")]) for run in system.runs if run.about.get("seed") in by_seed]
    return same or [(system.runs[0], baseline.runs[0])]


def _seeds(one: ScoredRun, other: ScoredRun) -> str:
    seeds = [str(run.about.get("seed")) for run in (one, other)]
    return f"seed {seeds[0]}:" if seeds[0] == seeds[1] else f"seeds {seeds[0]} and {seeds[1]}:"


def _auc(one: ScoredRun, other: ScoredRun) -> float:
    first, second = _samples(one), _samples(other)
    return float("nan") if first is None or second is None else delong(first.scores, second.scores, first.labels)


def _right(one: ScoredRun, other: ScoredRun) -> float:
    first, second = _decisions(one), _decisions(other)
    return float("nan") if first is None or second is None else mcnemar(first, second)


def _samples(run: ScoredRun) -> Samples | None:
    """Return the target's clips; None for a run that reports a mean over networks, which gives no clip one score."""
    if len(networks(run.scores)) > 1:
        return None
    return Samples.of(target_of(run.scores, run.folder), "count")


def _decisions(run: ScoredRun) -> NDArray[np.bool_] | None:
    samples = _samples(run)
    threshold = threshold_of(run.scores, samples, SOURCE_EER) if samples else np.nan
    if samples is None or np.isnan(threshold):
        return None
    return (samples.scores >= threshold) == (samples.labels == 1)
