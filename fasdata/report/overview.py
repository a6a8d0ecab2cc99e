"""Several datasets side by side."""

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
    from fasdata.report.described import Described

_DRAWN = ("side", "blur", "brightness", "yaw")


def overview(datasets: Sequence[Described]) -> Section:
    """Return a table with a row a dataset, and histograms of what differs from one to the next."""
    charts = [chart for key in _DRAWN for chart in _chart(datasets, key)]
    lead = "What differs between datasets is what a method trained on one of them has to get over on another."
    return Section(
        "overview", "Overview", [_table([one.survey for one in datasets]), *_faces(datasets), Charts(charts)], lead
    )


def _table(surveys: Sequence[Survey]) -> Table:
    columns = [Column("Dataset"), *(Column(name, True) for name in ("Clips", "Bona fide", "Attacks")),
               Column("Attack types"), *(Column(name, True) for name in ("Subjects", "No face", "Failed",
               "Stored frames")), Column("Detector"), Column("Use")]  # fmt: skip
    rows = []
    for survey in surveys:
        clips = survey.clips
        kinds = sorted(set(clips.loc[clips["label"] == "attack", "attack_type"]))
        use = ("research only" if survey.card.research_only else "not limited") if survey.card else Absent("not known")
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
    return Table("What the stores hold", columns, rows)


def _faces(datasets: Sequence[Described]) -> list[Table]:
    shown = [one for one in MEASURES if one.source != "clips"]
    columns = [Column("Dataset"), Column("Most recordings"), *(Column(one.title, True) for one in shown)]
    rows = []
    for one in datasets:
        cells = [_median(_values(one, measure), measure.digits) for measure in shown]
        rows.append(Row((one.survey.name, _commonest(one.survey), *cells)))
    return [Table("Medians of the faces", columns, rows, "What they mean is said with each dataset's histograms.")]


def _commonest(survey: Survey) -> Any:
    decoded = survey.clips[survey.clips["width"] > 0]
    if decoded.empty:
        return Absent("none decoded")
    forms = Counter(zip(decoded["width"], decoded["height"], decoded["frame_rate"].round(2), strict=True))
    width, height, rate = forms.most_common(1)[0][0]
    return f"{width} × {height}" + (f", {rate:g} fps" if rate else "")


def _chart(datasets: Sequence[Described], key: str) -> list[Chart]:
    measure = next(one for one in MEASURES if one.key == key)
    groups = []
    for place, one in enumerate(datasets):
        values = _values(one, measure)
        if measure.log:
            values = np.log10(values[values > 0])
        if len(values):
            groups.append(Group(one.survey.name, values.tolist(), place))
    if not groups:
        return []
    axis = measure.axis.replace(" (log scale)", ", power of ten") if measure.log else measure.axis
    alt = f"{measure.title} of {', '.join(group.name for group in groups)}"
    svg = histogram_rows(groups, axis, "frames", name=f"overview-{key}", alt=alt, same_height=False)
    return [Chart(measure.title, svg, measure.reading)]


def _values(one: Described, measure: Measure) -> np.ndarray:
    return np.concatenate([np.empty(0), *values_by_label(one.survey, one.sample, measure).values()])


def _median(values: np.ndarray, digits: int) -> str | Absent:
    return fixed(np.median(values), digits) if len(values) else Absent("not known")


def _share(outcome: Any) -> Any:
    return f"{count(int(outcome.sum()))} ({percent(float(outcome.mean()))})" if len(outcome) else Absent("no clip")
