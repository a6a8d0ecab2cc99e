"""What of a run's scores is judged: the target's clips, at a threshold that a policy finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fasdata.errors import UserError
from fastrain.evaluation.held_out_threshold import held_out_threshold
from fastrain.evaluation.samples import Samples
from fastrain.evaluation.score_rules import KEY_COLUMNS
from fastrain.evaluation.scores import ScoreTable
from fastrain.evaluation.thresholds import ThresholdPolicy


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
