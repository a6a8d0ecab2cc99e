"""Measure sharpness and brightness on a sample of the stored faces."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fasdata.errors import UserError
from fasdata.progress import progress
from fasdata.report.survey import Survey, rows_of

if TYPE_CHECKING:
    import pandas as pd


SIDE = 128  # pixels of the longer side of a face at which sharpness is compared
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


def face_in_crop(image: np.ndarray, box: tuple[float, ...], region: tuple[int, ...], scale: float) -> np.ndarray:
    """Return the part of a stored crop inside the face box; all of it where there is no box."""
    if not all(map(math.isfinite, box)):
        return image
    x0, y0 = ((box[axis] - region[axis]) * scale for axis in (0, 1))
    x1, y1 = ((box[axis + 2] - region[axis]) * scale for axis in (0, 1))
    inside = image[max(0, math.floor(y0)) : math.ceil(y1) + 1, max(0, math.floor(x0)) : math.ceil(x1) + 1]
    return inside if inside.size else image


def measure(face: np.ndarray) -> tuple[float, float]:
    """Return the variance of the Laplacian and the mean luma (0 to 255) of a face (RGB or one channel, uint8).

    Sharpness depends on size, so the face is first scaled to 128 pixels on its longer side: a small, enlarged face
    counts as blurred, as a network sees it.
    """
    import cv2

    grey: Any = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY) if face.ndim == 3 else face
    height, width = grey.shape
    factor = SIDE / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    resized = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
    return float(cv2.Laplacian(resized, cv2.CV_64F).var()), float(grey.mean())
