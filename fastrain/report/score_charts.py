"""ROC curves and score histograms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fasdata.records import ATTACK, BONAFIDE
from fasdata.report.chart import Chart, Charts
from fasdata.report.histogram import Group, histogram_rows
from fasdata.report.lines import Axis, Line, line_chart
from fasdata.report.page import Section
from fasdata.report.prose import Notice
from fastrain.report.curves import det_chart, roc_band_chart
from fastrain.report.results import HONEST, LEVELS, ORACLE, PARTS, TEST, VAL, Results
from fastrain.report.run_folder import SCORES, RunFolder

if TYPE_CHECKING:
    import pandas as pd

ROC_POINTS = 400  # a curve; more would not be seen


def scores_section(run: RunFolder) -> Section:
    """Return the ROC curves and the histograms by label and by attack type."""
    charts: list[Chart | Notice] = [_roc(run.results), roc_band_chart(run), det_chart(run.results)]
    if run.scores is None:
        charts.append(Notice("No histograms", [f"{run.missing[SCORES]}."]))
    else:
        clips = run.scores.clips().frame
        charts += [
            _histogram(clips, run.results, TEST, by="label"),
            _histogram(clips, run.results, TEST, by="attack_type"),
            _histogram(clips, run.results, VAL, by="label"),
        ]
    return Section("scores", "Scores", [Charts(charts)], "Higher scores mean: more like a bona fide face.")


def _roc(results: Results) -> Chart | Notice:
    lines = []
    for colour, part in enumerate((VAL, TEST)):
        for dash, level in enumerate(LEVELS):
            x, y = _thin(*results.roc(part, level))
            auc = results.metric(part, level, "auc")
            if x and auc is not None:
                lines.append(Line(f"{PARTS[part]}, {level}s: AUC {auc:.3f}", x, y, colour=colour, dash=dash))
    if not lines:
        return Notice("No ROC curves", [f"{results.absent or 'No part has scores of both labels'}."])
    svg = line_chart(
        lines,
        Axis("attacks accepted (all species together)", -0.01, 1.01),
        Axis("bona fide accepted (1 − BPCER)", -0.01, 1.01),
        name="roc",
        alt="ROC curves: " + "; ".join(line.name for line in lines),
        points=_honest_point(results),
        diagonal="guessing",
    )
    return Chart(
        "ROC curves",
        svg,
        "Each curve runs through all thresholds. The closer it comes to the upper left corner, the better: many bona "
        "fide faces get in and few attacks do. The area under a curve is its AUC. The distance between the two colours "
        "is what the change of domain costs. A last stretch that climbs to the upper right corner in one line stands "
        "for clips without a face, which no threshold accepts.",
    )


def _honest_point(results: Results) -> list[tuple[str, float, float]]:
    both = results.metric(TEST, "clip", "acer_pooled", HONEST)
    rejected = results.metric(TEST, "clip", "bpcer", HONEST)
    if both is None or rejected is None:
        return []
    # The pooled ACER is the mean of the two rates.
    return [(f"unseen domain, clips, at threshold {HONEST}", 2 * both - rejected, 1 - rejected)]


def _thin(x: list[float], y: list[float]) -> tuple[list[float], list[float]]:
    if len(x) <= ROC_POINTS:
        return x, y
    kept = np.unique(np.linspace(0, len(x) - 1, ROC_POINTS).astype(int))
    return [x[i] for i in kept], [y[i] for i in kept]


def _histogram(clips: pd.DataFrame, results: Results, part: str, *, by: str) -> Chart | Notice:
    what = "label" if by == "label" else "attack type"
    title = f"Clip scores by {what}: {PARTS[part]}"
    scored = clips[(clips["part"] == part) & clips["score"].notna()]
    if scored.empty:
        return Notice(title, ["Nothing to draw: no clip of this part has a score."])
    marks = [
        (f"threshold {policy}: {value:.4f}", value)
        for policy in ((HONEST, ORACLE) if part == TEST else (HONEST,))
        if (value := results.threshold("clip", policy)) is not None
    ]
    svg = histogram_rows(
        _groups(scored, by),
        "clip score (no unit; higher = bona fide)",
        "clips",
        name=f"hist-{part}-{what.split()[0]}",
        alt=f"{title}, {len(scored)} clips",
        marks=marks,
    )
    return Chart(
        title,
        svg,
        "Clips right of a threshold are accepted as bona fide, those left of it rejected. Where rows overlap they "
        "cannot be told apart. In brackets: number of clips.",
    )


def _groups(clips: pd.DataFrame, by: str) -> list[Group]:
    attacks = clips[clips["label"] == ATTACK]
    groups = [Group("bona fide", clips.loc[clips["label"] == BONAFIDE, "score"].tolist(), 0)]
    if by == "label":
        groups.append(Group("attack", attacks["score"].tolist(), 1))
    else:
        for place, (kind, of_kind) in enumerate(attacks.groupby("attack_type")):
            groups.append(Group(str(kind) or "attack of unknown type", of_kind["score"].tolist(), place + 1))
    return [group for group in groups if group.values]
