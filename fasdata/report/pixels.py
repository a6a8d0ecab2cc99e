"""Measure sharpness and brightness on a sample of the stored faces."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fasdata.errors import UserError
from fasdata.progress import progress
from fasdata.quality import SIDE as SIDE
from fasdata.quality import face_in_crop as face_in_crop
from fasdata.quality import measure as measure
from fasdata.report.survey import Survey, rows_of

if TYPE_CHECKING:
    import pandas as pd

_SEED = 0


@dataclass(frozen=True)
class PixelSample:
    """The sampled frames: `frames` are rows of the survey's table with `blur` and `brightness`.

    `of` is the number of stored frames, `damaged` has the errors of crops that could not be read.
    """

    frames: pd.DataFrame
    of: int
    damaged: tuple[str, ...]


def sample_pixels(survey: Survey, most: int) -> PixelSample:
    """Measure up to `most` stored frames, half of each label as far as there are enough; 0 measures none.

    The same store and the same `most` give the same sample.
    """
    taken = survey.frames.loc[_sampled_rows(survey, most)]
    values: list[tuple[float, float]] = []
    damaged: list[str] = []
    names = survey.clips["clip_id"].to_numpy()
    with progress(f"measure {survey.slug}", len(taken), "faces") as bar:
        for row in rows_of(taken):
            try:
                image = survey.store.crop(names[row.clip], row.frame_index)
                values.append(measure(face_in_crop(image, (row.x0, row.y0, row.x1, row.y1), row.region, row.scale)))
            except UserError as error:
                values.append((math.nan, math.nan))
                damaged.append(str(error))
            bar.advance(1)
    blur, brightness = np.array(values, float).reshape(-1, 2).T
    return PixelSample(taken.assign(blur=blur, brightness=brightness), len(survey.frames), tuple(damaged))


def _sampled_rows(survey: Survey, most: int) -> list[int]:
    labels = survey.clips["label"].to_numpy()[survey.frames["clip"].to_numpy(int)]
    random = np.random.default_rng(_SEED)
    queues = [random.permutation(np.flatnonzero(labels == label)) for label in survey.labels]
    left, rows = most, []
    for place, queue in enumerate(sorted(queues, key=len)):
        share = queue[: left // (len(queues) - place)]  # what a rare label leaves over goes to the other label
        left -= len(share)
        rows += share.tolist()
    return sorted(rows)
