"""Compare several datasets: a table, and histograms of what differs between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fasdata.page.figures import Chart, Charts
from fasdata.page.histograms import Group, histogram_rows
from fasdata.page.page import Section
from fasdata.page.parts import Column, Row, Table
from fasdata.page.spelling import Absent, count, percent, text
from fasdata.report.measures import MEASURES, Measure, fixed, values_by_label
from fasdata.report.survey import Survey

if TYPE_CHECKING:
    from fasdata.report.dataset_section import DatasetSummary

_CHARTED = ("side", "blur", "brightness", "yaw")


def overview(datasets: Sequence[DatasetSummary]) -> Section:
    """Return tables with a row per dataset, and histograms of the measures that differ most between datasets."""
    charts = [chart for key in _CHARTED for chart in _chart(datasets, key)]
    lead = "A method that is trained on one dataset meets these differences on another."
    return Section(
        "overview",
        "Overview",
        [_table([dataset.survey for dataset in datasets]), _faces(datasets), Charts(charts)],
        lead,
    )


def _table(surveys: Sequence[Survey]) -> Table:
    columns = [Column("Dataset"), *(Column(name, True) for name in ("Clips", "Bona fide", "Attacks")),
               Column("Attack types"), *(Column(name, True) for name in ("Subjects", "No face", "Failed",
               "Stored frames")), Column("Detector"), Column("Use")]  # fmt: skip
    rows = []
    for survey in surveys:
        clips = survey.clips
        kinds = sorted(set(clips.loc[clips["label"] == "attack", "attack_type"]))
        terms = survey.terms
        use = ("research only" if terms.research_only else "not limited") if terms else Absent("not known")
        rows.append(
            Row(
                (
                    survey.name,
                    count(len(clips)),
                    *(count(int((clips["label"] == label).sum())) for label in ("bonafide", "attack")),
                    text(", ".join(kinds), "none"),
                    count(len(set(clips["subject"]) - {""})),
                    *(_share(clips["status"] == status) for status in ("fta", "failed")),
                    count(len(survey.frames)),
                    text(survey.store.info.config.get("detector")),
                    use,
                )
            )
        )
    return Table("Contents of the stores", columns, rows)


def _faces(datasets: Sequence[DatasetSummary]) -> Table:
    of_faces = [measure for measure in MEASURES if measure.source != "clips"]
    columns = [Column("Dataset"), Column("Most recordings"), *(Column(measure.title, True) for measure in of_faces)]
    rows = []
    for dataset in datasets:
        cells = [_median(_values(dataset, measure), measure.digits) for measure in of_faces]
        rows.append(Row((dataset.survey.name, _most_common_format(dataset.survey), *cells)))
    return Table("Medians of the faces", columns, rows, "The histograms of each dataset explain the measures.")


def _most_common_format(survey: Survey) -> Any:
    decoded = survey.clips[survey.clips["width"] > 0]
    if decoded.empty:
        return Absent("none decoded")
    formats = Counter(zip(decoded["width"], decoded["height"], decoded["frame_rate"].round(2), strict=True))
    width, height, rate = formats.most_common(1)[0][0]
    return f"{width} × {height}" + (f", {rate:g} fps" if rate else "")


def _chart(datasets: Sequence[DatasetSummary], key: str) -> list[Chart]:
    measure = next(measure for measure in MEASURES if measure.key == key)
    groups = []
    for place, dataset in enumerate(datasets):
        values = _values(dataset, measure)
        if measure.log:
            values = np.log10(values[values > 0])
        if len(values):
            groups.append(Group(dataset.survey.name, values.tolist(), place))
    if not groups:
        return []
    axis = measure.axis.replace(" (log scale)", ", power of ten") if measure.log else measure.axis
    alt = f"{measure.title} of {', '.join(group.name for group in groups)}"
    svg = histogram_rows(groups, axis, "frames", name=f"overview-{key}", alt=alt, same_height=False)
    return [Chart(measure.title, svg, measure.reading)]


def _values(dataset: DatasetSummary, measure: Measure) -> np.ndarray:
    return np.concatenate([np.empty(0), *values_by_label(dataset.survey, dataset.sample, measure).values()])


def _median(values: np.ndarray, digits: int) -> str | Absent:
    return fixed(np.median(values), digits) if len(values) else Absent("not known")


def _share(outcome: Any) -> Any:
    return f"{count(int(outcome.sum()))} ({percent(float(outcome.mean()))})" if len(outcome) else Absent("no clip")
