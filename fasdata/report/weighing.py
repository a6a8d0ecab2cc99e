"""Weigh the measures of the stored faces: what a dataset's report says of them first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fasdata.records import OBSERVED
from fasdata.report.pixels import PixelSample
from fasdata.report.survey import Survey

if TYPE_CHECKING:
    import pandas as pd

SMALL = 64  # pixels of the longer side: the eyes are some 25 apart, and little of the skin is left
DIM, BRIGHT = 40, 220  # mean luma of a face
BLURRED = 5  # variance of the Laplacian at 128 pixels; faces of a plain webcam have about 20
TURNED = 0.5  # yaw ratio: the nose stands half way to an eye

FEW, MOST = 0.1, 0.33  # shares of the frames from which a weakness is noted, and is a problem


@dataclass(frozen=True)
class Weighed:
    """What the measures say: sentences on problems, and on what is worth a note."""

    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def weigh(survey: Survey, sample: PixelSample) -> Weighed:
    """Return what is weak in the faces of a dataset, each weakness with its frames; none where few frames have it."""
    sentences = [*_without_a_face(survey), *_weak_faces(survey, sample)]
    return Weighed(
        tuple(text for share, text in sentences if share >= MOST),
        tuple(text for share, text in sentences if FEW <= share < MOST),
    )


def _without_a_face(survey: Survey) -> list[tuple[float, str]]:
    """Return the shares of the chosen frames without a face, and of those that borrow one."""
    by_status: dict[str, int] = {}
    for (_, status), number in survey.selected.items():
        by_status[status] = by_status.get(status, 0) + number
    chosen = sum(by_status.values())
    if not chosen:
        return []
    none = by_status.get("skip", 0)
    borrowed = chosen - none - sum(by_status.get(status, 0) for status in (*OBSERVED, "given"))
    sentences = [(none / chosen, f"No face in {none} of {chosen} chosen frames.")]
    where = f"of another frame in {borrowed} of {chosen} chosen frames, which show none of their own"
    return [*sentences, (borrowed / chosen, f"The face is that {where}: see recordings.")]


def _weak_faces(survey: Survey, sample: PixelSample) -> list[tuple[float, str]]:
    own = survey.frames[survey.frames["own"]]
    pixels = survey.frames if survey.frames["sharpness"].notna().all() else sample.frames
    sharpness, brightness = ("sharpness", "brightness") if pixels is survey.frames else ("blur", "brightness")
    sizes = own["side"].to_numpy(float)
    middle = f", the median is {np.nanmedian(sizes):.0f}" if np.isfinite(sizes).any() else ""
    return [
        _share(own["side"] < SMALL, own["side"], f"faces are under {SMALL} pixels{middle}: little of the skin is left"),
        _share(pixels[sharpness] < BLURRED, pixels[sharpness], "faces are blurred"),
        _share(pixels[brightness] < DIM, pixels[brightness], f"faces are dim (mean luma under {DIM} of 255)"),
        _share(pixels[brightness] > BRIGHT, pixels[brightness], f"faces are overexposed (mean luma over {BRIGHT})"),
        _share(own["yaw"].abs() > TURNED, own["yaw"], f"heads are turned far (yaw ratio over {TURNED})"),
    ]


def _share(weak: pd.Series, values: pd.Series, what: str) -> tuple[float, str]:
    """Return the share of the known values that are weak, and the sentence on them."""
    known, number = int(values.notna().sum()), int(weak.sum())
    return (number / known if known else 0.0, f"{number} of {known} {what}.")
