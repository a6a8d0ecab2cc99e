"""What `fastrain eval --fuse RULE RUN…` does to scores: one decision of several runs on the same clips.

`and` accepts what every run accepts at its own source threshold, `or` what some run accepts: the fused score is the
smallest or the largest distance of a run's score to its threshold, and 0 is the threshold. `mean` and `weighted(3,1)`
average the scores, which then have to lie between 0 and 1; their threshold is found on the fused scores of the held-out
sources.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fasdata.errors import UserError, unknown_name
from fastrain.evaluation.scores import ScoreTable

if TYPE_CHECKING:
    import pandas as pd

RULES = ("and", "or", "mean", "weighted")
_WEIGHTED = re.compile(r"weighted\(([\d.,\s]+)\)")
_KEYS = ["dataset", "clip_id", "part"]


@dataclass(frozen=True)
class Rule:
    """How decisions or scores of several runs become one; `weights` sum to 1 and are those of the means."""

    name: str
    weights: tuple[float, ...] = ()

    @classmethod
    def parse(cls, text: str, runs: int) -> Rule:
        """Read `and`, `or`, `mean` or `weighted(3,1)`, one weight a run.

        Raises:
            UserError: another word, another number of weights, or weights that are no shares.
        """
        word = text.strip().lower()
        if word in ("and", "or"):
            return cls(word)
        if word == "mean":
            return cls(word, (1 / runs,) * runs)
        match = _WEIGHTED.fullmatch(word)
        if not match:
            raise unknown_name("rule of --fuse", text, (*RULES[:3], "weighted(3,1)"))
        try:
            weights = [float(number) for number in match[1].split(",")]
        except ValueError:
            weights = []
        if len(weights) != runs or sum(weights) <= 0:
            raise UserError(f"--fuse {text!r}", expected=f"{runs} weights, one a run, not all 0")
        return cls("weighted", tuple(weight / sum(weights) for weight in weights))

    @property
    def decides(self) -> bool:
        """Whether decisions are joined, and not scores."""
        return self.name in ("and", "or")

    def of(self, scores: np.ndarray, thresholds: Sequence[float]) -> np.ndarray:
        """Return the fused scores (N,) of scores (runs, N).

        >>> scores = np.array([[0.9, 0.2], [0.4, 0.6]])
        >>> Rule("and").of(scores, [0.5, 0.5]).round(2).tolist(), Rule("or").of(scores, [0.5, 0.5]).round(2).tolist()
        ([-0.1, -0.3], [0.4, 0.1])
        """
        if self.name == "and":
            fused: np.ndarray = (scores - np.asarray(thresholds)[:, None]).min(axis=0)
        elif self.name == "or":
            fused = (scores - np.asarray(thresholds)[:, None]).max(axis=0)
        else:
            fused = np.asarray(self.weights) @ scores
        return fused


def fused_table(
    rule: Rule, tables: Sequence[ScoreTable], names: Sequence[str], thresholds: Sequence[float]
) -> ScoreTable:
    """Return the fused clips of tables of clips; they have to be the same clips, labels and people.

    Raises:
        UserError: they are not, or their scores cannot be averaged.
    """
    first = tables[0].frame.reset_index(drop=True)
    columns = [_aligned(first, table.frame, names[0], name) for table, name in zip(tables, names, strict=True)]
    scores = np.stack(columns)
    known = ~np.isnan(scores).any(axis=0)
    if not rule.decides:
        for values, name in zip(scores[:, known], names, strict=True):
            if ((values < 0) | (values > 1)).any():
                raise UserError(
                    f"the scores of {name} leave 0 to 1, and a mean of them says little", do="fuse by 'and' or 'or'"
                )
    fused = np.where(known, rule.of(np.nan_to_num(scores), thresholds), np.nan)
    kept = [name for name in first.columns if not name.startswith(("score", "field_"))]
    frame = first[kept].assign(score=fused, status=np.where(known, "ok", "fta"))
    return ScoreTable(frame, " and ".join(names))


def _aligned(first: pd.DataFrame, other: pd.DataFrame, name: str, other_name: str) -> np.ndarray:
    """Return the scores of another run in the order of the first's clips."""
    both = first[[*_KEYS, "label", "subject"]].merge(
        other[[*_KEYS, "label", "subject", "score"]], on=_KEYS, how="outer", suffixes=("", "_other"), indicator=True
    )
    odd = both[both["_merge"] != "both"]
    if len(odd):
        what = odd.iloc[0]
        raise UserError(
            f"{name} and {other_name} scored different clips",
            found=f"{len(odd)} that one of them lacks, such as {what['dataset']}/{what['clip_id']} in {what['part']}",
            do="fuse runs of one protocol and recipe",
        )
    if (both["label"] != both["label_other"]).any() or (both["subject"] != both["subject_other"]).any():
        raise UserError(f"{name} and {other_name} say different things of the same clips", found="labels or people")
    return np.asarray(first[_KEYS].merge(other[[*_KEYS, "score"]], on=_KEYS, how="left")["score"], np.float64)
