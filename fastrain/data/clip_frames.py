"""Which samples are the frames of one clip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastrain.data.samples import Samples


@dataclass(frozen=True)
class ClipFrames:
    """The samples of every clip: those of clip `c` are `order[start[c] : start[c + 1]]`, in manifest order."""

    order: np.ndarray
    start: np.ndarray
    clip: np.ndarray

    @classmethod
    def of(cls, samples: Samples) -> ClipFrames:
        """Number the clips of `samples`; `clip` (N,) tells the number of each sample's."""
        clip = samples.recordings()
        return cls(np.argsort(clip, kind="stable"), np.r_[0, np.cumsum(np.bincount(clip))], clip)

    def __len__(self) -> int:
        return len(self.start) - 1

    def one(self, clip: int, rng: np.random.Generator) -> int:
        """Return a sample of that clip, each of its frames with the same chance."""
        return int(self.order[rng.integers(self.start[clip], self.start[clip + 1])])

    def one_of_each(self, rng: np.random.Generator) -> np.ndarray:
        """Return a sample of every clip, in the order of the clips' numbers."""
        return self.order[rng.integers(self.start[:-1], self.start[1:])]
