"""Resample subjects: all presentations of one person go together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fastrain.evaluation.score_rules import KEY_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

FEW = 20  # people; with fewer nothing is marked
ENOUGH = 60  # people; with fewer the coverage that was measured stands beside an interval
# The least of all cells of `benchmarks/coverage.py` with 15 and 30 people.
MEASURED = (
    "in simulated studies of 15 and 30 people 95 % intervals of rates held the truth in 95.8 % or more, those of HTER "
    "and EER in 95 %, of AUC in 94 % or more"
)
_MOST_CELLS = 1 << 22  # samples times resamples in hand at a time: some 32 MiB for each array of a measure
_MOST_WORK = 300_000_000  # samples times resamples: minutes
_LEAST = 200  # resamples
_REDRAWS = 200  # a class that so many do not bring back is given up


def affordable(resamples: int, samples: int) -> int:
    """Return how many resamples are drawn: of more than 30,000 samples fewer, since their intervals are narrow anyway.

    >>> affordable(10_000, 5_000), affordable(10_000, 1_000_000), affordable(0, 10)
    (10000, 300, 0)
    """
    return min(resamples, max(_LEAST, _MOST_WORK // max(1, samples)))


@dataclass(frozen=True)
class Clusters:
    """The resampling units of samples: `unit` (N,) is that of every sample, `stratum` the dataset of every unit.

    `subjects` counts the people, `unknown` the clips whose person is not known: each of those is a unit of its own.
    """

    unit: NDArray[np.int64]
    stratum: NDArray[np.int64]
    subjects: int
    unknown: int

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Clusters:
        """Number the people of a score table's rows, one dataset's apart from another's.

        People and datasets are numbered by their first row, so that resamples do not depend on what they are called.
        """
        import pandas as pd

        named = frame["subject"] != ""
        own = frame["dataset"] + "\0clip\0" + frame["clip_id"]
        key = own.where(~named, frame["dataset"] + "\0subject\0" + frame["subject"])
        unit, keys = pd.factorize(key)
        first = np.full(len(keys), len(key))
        np.minimum.at(first, unit, np.arange(len(key)))
        stratum = pd.factorize(frame["dataset"].to_numpy(object)[first])[0]
        loose = frame[~named]
        return cls(
            unit.astype(np.int64),
            stratum.astype(np.int64),
            subjects=int(key[named].nunique()),
            unknown=len(loose[list(KEY_COLUMNS)].drop_duplicates()),
        )

    @property
    def level(self) -> str:
        """Return what the units are: `subject`, `clip` where no person is known, or `subject and clip`."""
        if not self.unknown:
            return "subject"
        return "subject and clip" if self.subjects else "clip"

    def note(self) -> str:
        """Return what has to stand beside an interval: how many people it rests on, with a warning if few."""
        units = len(self.stratum)
        if self.level == "clip":
            basis = f"clip-level CI, {units} clips of unknown subjects"
        elif self.unknown:
            basis = f"{self.subjects} subjects and {self.unknown} clips of unknown subjects"
        else:
            basis = f"{self.subjects} subjects"
        return basis + (f"; fewer than {FEW}: too few to tell" if units < FEW else "")

    def coverage(self) -> str:
        """Return how often intervals over as few people held in trials; "" with sixty or more, where 93 % is kept."""
        return MEASURED if len(self.stratum) < ENOUGH else ""

    def basis(self) -> str:
        """Return how many people there are and, if they are few, how often intervals over as few held in trials."""
        return self.note() + (f" ({self.coverage()})" if self.coverage() else "")

    def weights(
        self, labels: NDArray[np.int64], resamples: int, seed: int, chunk: int = 256
    ) -> Iterator[NDArray[np.int64]]:
        """Yield arrays (up to `chunk`, N), fewer rows for very many samples: how often each occurs in a resample.

        As `draws`, of whose units the samples are.
        """
        for drawn in self.draws(labels, resamples, seed, chunk):
            yield drawn[:, self.unit]

    def draws(
        self, labels: NDArray[np.int64], resamples: int, seed: int, chunk: int = 256
    ) -> Iterator[NDArray[np.int64]]:
        """Yield arrays (up to `chunk`, units), fewer rows for very many samples: how often each unit is drawn.

        Inside each dataset as many units are drawn, with replacement, as it has. A resample without bona fide or
        without attack samples is drawn again. Yields nothing when `labels` (N,) lack a class.
        """
        rng = np.random.default_rng(seed)
        chunk = max(1, min(chunk, _MOST_CELLS // max(1, len(labels))))
        if not (labels == 1).any() or not (labels == 0).any():
            return
        of_class = np.stack(
            [np.bincount(self.unit[labels == label], minlength=len(self.stratum)) for label in (0, 1)], 1
        )
        for start in range(0, resamples, chunk):
            drawn = self._draw(rng, min(chunk, resamples - start))
            for _ in range(_REDRAWS):
                lacking = ((drawn @ of_class) == 0).any(axis=1)
                if not lacking.any():
                    break
                drawn[lacking] = self._draw(rng, int(lacking.sum()))
            yield drawn[~((drawn @ of_class) == 0).any(axis=1)]

    def _draw(self, rng: np.random.Generator, rows: int) -> NDArray[np.int64]:
        drawn = np.zeros((rows, len(self.stratum)), np.int64)
        for dataset in range(int(self.stratum.max(initial=-1)) + 1):
            members = np.flatnonzero(self.stratum == dataset)
            size = len(members)
            places = rng.integers(0, size, (rows, size)) + size * np.arange(rows)[:, None]
            drawn[:, members] = np.bincount(places.ravel(), minlength=rows * size).reshape(rows, size)
        return drawn
