"""Measures of faces and recordings, bona fide against attack: histograms, and what alone tells the labels apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fasdata.faces.detectors import has_own_scores
from fasdata.page.figures import Chart, Charts
from fasdata.page.histograms import Group, overlay
from fasdata.page.page import Subsection
from fasdata.page.parts import Column, Paragraph, Row, Table
from fasdata.page.spelling import Absent, count, is_number
from fasdata.records import ATTACK, BONAFIDE
from fasdata.report.pixels import SIDE, PixelSample
from fasdata.report.survey import LABEL_NAMES, Survey

if TYPE_CHECKING:
    import pandas as pd

FEW = 10  # values of a label, below which no separation is told
_NONE = np.empty(0)
_COLOURS = {BONAFIDE: 0, ATTACK: 1}


@dataclass(frozen=True)
class Measure:
    """A number a frame or clip has. `source` is the table it stands in: own (faces seen), sampled, clips."""

    key: str
    title: str
    axis: str
    source: str
    reading: str
    digits: int = 0
    log: bool = False


MEASURES = (
    Measure("side", "Size of the face", "longer side of the face box (pixels of the source)", "own",
            "How many pixels of face there are. A network's input that is larger is filled by enlarging."),
    Measure("eyes", "Distance between the eyes", "distance between the eyes (pixels of the source)", "own",
            "From the landmarks. Under about 30 pixels little of the skin's texture is left."),
    Measure("blur", "Sharpness", "variance of the Laplacian (log scale)", "sampled",
            f"Left is blurred, right is sharp or noisy. Faces were brought to {SIDE} pixels first, so that size does "
            "not count.", log=True),
    Measure("brightness", "Brightness", "mean luma of the face (0 to 255)", "sampled",
            "Under about 40 a face is hard to see, over about 220 it is burnt out."),
    Measure("score", "Detector score", "detector score", "own",
            "How sure the detector was; a long tail to the left is worth a look.", 3),
    Measure("roll", "Roll of the head", "roll (degrees, positive = clockwise)", "own",
            "The exact tilt of the line through the eyes, which alignment takes out.", 1),
    Measure("yaw", "Turn of the head", "yaw ratio (0 = frontal)", "own",
            "How far the nose lies off the middle of the eyes, in halves of their distance: a ratio, not an angle. "
            "At -1 or 1 the nose stands over an eye.", 2),
    Measure("n_frames", "Length of the recordings", "decoded frames", "clips",
            "Lengths that differ by label differ in what a rule such as linspace picks."),
)  # fmt: skip


def measures(survey: Survey, sample: PixelSample, anchor: str) -> Subsection:
    """Return a table of all measures and a histogram of each."""
    found = {one.key: values_by_label(survey, sample, one) for one in MEASURES}
    charts: list[Any] = []
    for one in MEASURES:
        groups = [
            Group(LABEL_NAMES[label], values.tolist(), _COLOURS.get(label, 2))
            for label, values in found[one.key].items()
            if len(values)
        ]
        if groups:
            unit = "clips" if one.source == "clips" else "frames"
            alt = f"{one.title} of {survey.name}, {' and '.join(group.name for group in groups)}"
            svg = overlay(groups, one.axis, unit, name=f"{anchor}-{one.key}", alt=alt, log=one.log)
            charts.append(Chart(one.title, svg, one.reading))
    lead = (
        f"Sizes, scores and pose of the {count(int(survey.frames['own'].sum()))} stored frames on which a face was "
        f"seen; sharpness and brightness measured on {_sampled(sample)}."
    )
    parts = [_table(found), Charts(charts)] if charts else [Paragraph("There is nothing to measure.")]
    return Subsection(anchor, "Faces", parts, lead)


def separation(bonafide: np.ndarray, attack: np.ndarray) -> float | None:
    """Return how well a number alone tells the labels apart: 0.5 not at all, 1 completely; None with few values.

    It is the area under the ROC curve, of the better direction.
    """
    if min(len(bonafide), len(attack)) < FEW:
        return None
    from scipy.stats import rankdata

    ranks = rankdata(np.concatenate([bonafide, attack]))
    n = len(bonafide)
    area = (ranks[:n].sum() - n * (n + 1) / 2) / (n * len(attack))
    return float(max(area, 1 - area))


def separations(survey: Survey, sample: PixelSample) -> dict[str, float | None]:
    """Return the separation by the title of each measure."""
    found = {one.title: values_by_label(survey, sample, one) for one in MEASURES}
    return {title: separation(of.get(BONAFIDE, _NONE), of.get(ATTACK, _NONE)) for title, of in found.items()}


def values_by_label(survey: Survey, sample: PixelSample, measure: Measure) -> dict[str, np.ndarray]:
    """Return the known values of a measure by label, for every label of the dataset."""
    if measure.key == "score" and not has_own_scores(str(survey.store.info.config.get("detector"))):
        return dict.fromkeys(survey.labels, _NONE)  # nobody scored anything
    labels = survey.clips["label"].to_numpy()
    if measure.source == "clips":
        decoded = survey.clips[survey.clips["status"] != "failed"]
        return _by_label(survey, decoded[measure.key], decoded["label"].to_numpy())
    table: pd.DataFrame = sample.frames if measure.source == "sampled" else survey.frames[survey.frames["own"]]
    return _by_label(survey, table[measure.key], labels[table["clip"].to_numpy(int)])


def _by_label(survey: Survey, column: pd.Series, labels: np.ndarray) -> dict[str, np.ndarray]:
    values = column.to_numpy(float)
    known = np.isfinite(values)
    return {label: values[known & (labels == label)] for label in survey.labels}


def _table(found: dict[str, dict[str, np.ndarray]]) -> Table:
    labels = list(next(iter(found.values())))
    columns = [Column("Measure"), *(Column(f"{LABEL_NAMES[label]}: median (5 to 95 %)", True) for label in labels)]
    both = BONAFIDE in labels and ATTACK in labels
    if both:
        columns.append(Column("Tells the labels apart", True))
    rows = []
    for one in MEASURES:
        values = found[one.key]
        cells: list[Any] = [one.title, *(_spread(values[label], one.digits) for label in labels)]
        if both:
            apart = separation(values[BONAFIDE], values[ATTACK])
            few = min(len(values[BONAFIDE]), len(values[ATTACK]))
            why = f"under {FEW} of a label" if few else "not known"
            cells.append(f"{apart:.2f}" if is_number(apart) else Absent(why))
        rows.append(Row(cells, "strong" if both and (apart or 0) >= SHORTCUT else ""))
    note = (
        "Tells the labels apart: area under the ROC curve of this number alone, 0.5 = not at all, 1 = completely. "
        "What a single number can tell, a network can learn in place of the attack."
    )
    return Table("Measures in numbers", columns, rows, note if both else "")


SHORTCUT = 0.9  # separation from which a single number is a shortcut


def _spread(values: np.ndarray, digits: int) -> str | Absent:
    if not len(values):
        return Absent("not known")
    low, middle, high = np.percentile(values, [5, 50, 95])
    return f"{fixed(middle, digits)} ({fixed(low, digits)} to {fixed(high, digits)})"


def fixed(value: float, digits: int) -> str:
    """Spell a number with that many decimals, and zero without a sign."""
    return f"{round(float(value), digits) + 0.0:.{digits}f}"


def _sampled(sample: PixelSample) -> str:
    if not len(sample.frames):
        return "none (--sample 0)" if sample.of else "none: no frame is stored"
    if len(sample.frames) == sample.of:
        return f"all {count(sample.of)} stored frames"
    return f"{count(len(sample.frames))} of {count(sample.of)} stored frames, drawn at random, half of each label"
