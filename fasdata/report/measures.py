"""Compare measures of bona fide and attack faces: histograms, and how well each measure separates the labels."""

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

FEW = 10  # values per label; with fewer no separation is computed
_NONE = np.empty(0)
_COLOURS = {BONAFIDE: 0, ATTACK: 1}


@dataclass(frozen=True)
class Measure:
    """A measure of a frame or clip. `source` is its table: own (frames with a detected face), sampled, clips."""

    key: str
    title: str
    axis: str
    source: str
    reading: str
    digits: int = 0
    log: bool = False


MEASURES = (
    Measure("side", "Size of the face", "longer side of the face box (pixels of the source)", "own",
            "The resolution of the face. A larger network input only enlarges it."),
    Measure("eyes", "Distance between the eyes", "distance between the eyes (pixels of the source)", "own",
            "From the landmarks. Under about 30 pixels little of the skin's texture is left."),
    Measure("blur", "Sharpness", "variance of the Laplacian (log scale)", "sampled",
            f"Left is blurred, right is sharp or noisy. Faces were scaled to {SIDE} pixels first, so that size has no "
            "influence.", log=True),
    Measure("brightness", "Brightness", "mean luma of the face (0 to 255)", "sampled",
            "Under about 40 a face is hard to see, over about 220 it is overexposed."),
    Measure("score", "Detector score", "detector score", "own",
            "The confidence of the detector. Look at the faces in a long tail to the left.", 3),
    Measure("roll", "Roll of the head", "roll (degrees, positive = clockwise)", "own",
            "The exact angle of the line through the eyes, which alignment removes.", 1),
    Measure("yaw", "Turn of the head", "yaw ratio (0 = frontal)", "own",
            "Distance of the nose from the middle of the eyes, in halves of the eye distance: a ratio, not an angle. "
            "At -1 or 1 the nose is level with an eye.", 2),
    Measure("pitch", "Nod of the head", "pitch ratio (about 0.5 = frontal)", "own",
            "How far down the nose stands from the eyes (0) to the mouth (1): less looks up, more looks down.", 2),
    Measure("n_frames", "Length of the recordings", "decoded frames", "clips",
            "If lengths differ by label, a rule such as linspace selects other moments for each label."),
)  # fmt: skip


def measures(survey: Survey, sample: PixelSample, anchor: str) -> Subsection:
    """Return a table of all measures and a histogram of each."""
    values = {measure.key: values_by_label(survey, sample, measure) for measure in MEASURES}
    charts: list[Any] = []
    for measure in MEASURES:
        groups = [
            Group(LABEL_NAMES[label], of_label.tolist(), _COLOURS.get(label, 2))
            for label, of_label in values[measure.key].items()
            if len(of_label)
        ]
        if groups:
            unit = "clips" if measure.source == "clips" else "frames"
            alt = f"{measure.title} of {survey.name}, {' and '.join(group.name for group in groups)}"
            svg = overlay(groups, measure.axis, unit, name=f"{anchor}-{measure.key}", alt=alt, log=measure.log)
            charts.append(Chart(measure.title, svg, measure.reading))
    lead = (
        f"Sizes, scores and pose of the {count(int(survey.frames['own'].sum()))} stored frames with a detected "
        f"face; sharpness and brightness measured on {_sampled(sample)}."
    )
    parts = [_table(values), Charts(charts)] if charts else [Paragraph("There is nothing to measure.")]
    return Subsection(anchor, "Faces", parts, lead)


def separation(bonafide: np.ndarray, attack: np.ndarray) -> float | None:
    """Return the AUC of a measure as a score, in the better direction: 0.5 to 1; None with fewer than `FEW` values.

    At 1 the measure alone separates the labels.
    """
    if min(len(bonafide), len(attack)) < FEW:
        return None
    from scipy.stats import rankdata

    ranks = rankdata(np.concatenate([bonafide, attack]))
    n = len(bonafide)
    area = (ranks[:n].sum() - n * (n + 1) / 2) / (n * len(attack))
    return float(max(area, 1 - area))


def separations(survey: Survey, sample: PixelSample) -> dict[str, float | None]:
    """Return the separation of each measure, by its title."""
    values = {measure.title: values_by_label(survey, sample, measure) for measure in MEASURES}
    return {title: separation(of.get(BONAFIDE, _NONE), of.get(ATTACK, _NONE)) for title, of in values.items()}


def values_by_label(survey: Survey, sample: PixelSample, measure: Measure) -> dict[str, np.ndarray]:
    """Return the finite values of a measure for every label of the dataset."""
    if measure.key == "score" and not has_own_scores(str(survey.store.info.config.get("detector"))):
        return dict.fromkeys(survey.labels, _NONE)  # these faces have no score
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


def _table(by_measure: dict[str, dict[str, np.ndarray]]) -> Table:
    labels = list(next(iter(by_measure.values())))
    columns = [Column("Measure"), *(Column(f"{LABEL_NAMES[label]}: median (5 to 95 %)", True) for label in labels)]
    both = BONAFIDE in labels and ATTACK in labels
    if both:
        columns.append(Column("Tells the labels apart", True))
    rows = []
    for measure in MEASURES:
        values = by_measure[measure.key]
        cells: list[Any] = [measure.title, *(_spread(values[label], measure.digits) for label in labels)]
        if both:
            apart = separation(values[BONAFIDE], values[ATTACK])
            few = min(len(values[BONAFIDE]), len(values[ATTACK]))
            why = f"under {FEW} of a label" if few else "not known"
            cells.append(f"{apart:.2f}" if is_number(apart) else Absent(why))
        rows.append(Row(cells, "strong" if both and (apart or 0) >= SHORTCUT else ""))
    note = (
        "Tells the labels apart: area under the ROC curve of this measure alone, 0.5 = not at all, 1 = completely. "
        "A network can learn such a measure in place of the attack."
    )
    return Table("Measures in numbers", columns, rows, note if both else "")


SHORTCUT = 0.9  # least separation of a measure that a network may learn as a shortcut


def _spread(values: np.ndarray, digits: int) -> str | Absent:
    if not len(values):
        return Absent("not known")
    low, middle, high = np.percentile(values, [5, 50, 95])
    return f"{fixed(middle, digits)} ({fixed(low, digits)} to {fixed(high, digits)})"


def fixed(value: float, digits: int) -> str:
    """Spell a number with so many decimals, and zero without a sign."""
    return f"{round(float(value), digits) + 0.0:.{digits}f}"


def _sampled(sample: PixelSample) -> str:
    if not len(sample.frames):
        return "none (--sample 0)" if sample.of else "none: no frame is stored"
    if len(sample.frames) == sample.of:
        return f"all {count(sample.of)} stored frames"
    return f"{count(len(sample.frames))} of {count(sample.of)} stored frames, drawn at random, half of each label"
