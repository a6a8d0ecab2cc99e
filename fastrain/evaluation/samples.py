"""The arrays that metrics work on, with failures to acquire folded in or left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fasdata.records import BONAFIDE
from fastrain.evaluation.metrics.class_scores import ClassScores
from fastrain.evaluation.score_rules import KEY_COLUMNS
from fastrain.evaluation.scores import ScoreTable

FTA_RULES = ("count", "exclude")
SPECIES = ("attack_type", "pai")


@dataclass(frozen=True)
class Samples:
    """`scores`, `labels` (1 = bona fide), `species` and the number of the clip of every sample, index by index."""

    scores: NDArray[np.float64]
    labels: NDArray[np.int64]
    species: NDArray[np.object_]
    clip: NDArray[np.int64]

    @classmethod
    def of(cls, table: ScoreTable, fta: str, species_by: str = "attack_type") -> Samples:
        """Take the samples of `table`; `fta` is one of `FTA_RULES`, `species_by` one of `SPECIES`.

        A failure to acquire that counts gets the score -inf, below every threshold. The species of an attack is its
        type, or the instrument (`pai`) where that is asked for and known; one without either is "unknown".
        """
        rows = table.frame if fta == "count" else table.frame[table.frame["status"] == "ok"]
        species = rows["attack_type"].to_numpy(object)
        if species_by == "pai":
            instrument = rows["pai"].to_numpy(object)
            species = np.where(instrument == "", species, instrument)
        return cls(
            rows["score"].fillna(-np.inf).to_numpy(np.float64),
            np.asarray(rows["label"] == BONAFIDE, np.int64),
            np.where(species == "", "unknown", species),
            np.asarray(rows.groupby(list(KEY_COLUMNS), sort=False).ngroup(), np.int64),
        )

    @property
    def missing(self) -> str:
        """Return which class is absent, in words; "" when both are there."""
        return ClassScores.of(self.scores, self.labels).missing

    def attacks_of(self, species: str) -> int:
        """Return how many attack samples are of this species."""
        return int(self._of(species).sum())

    def clips_of(self, species: str) -> int:
        """Return how many attack clips are of this species."""
        return int(np.unique(self.clip[self._of(species)]).size)

    def _of(self, species: str) -> NDArray[np.bool_]:
        return (self.species == species) & (self.labels == 0)
