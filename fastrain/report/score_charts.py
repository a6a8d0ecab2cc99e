"""Draw ROC and DET curves, the band of the target's curve over resampled people, and score histograms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from fasdata.page.charts import COLOURS, DASHES, Axis, Line, draw, line_chart
from fasdata.page.figures import Chart, Charts
from fasdata.page.histograms import Group, histogram_rows
from fasdata.page.page import Section
from fasdata.page.parts import Notice
from fasdata.page.spelling import ratio, score
from fasdata.records import ATTACK, BONAFIDE
from fasdata.species import UNKNOWN, species_of
from fastrain.evaluation.results_lookup import HONEST, LEVELS, ORACLE, TEST, VAL, Results
from fastrain.report.run_folder import SCORES, RunFolder

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


# -- ROC curves and score histograms ----------------------------------------------------------------------------------

ROC_POINTS = 400  # a curve; more would not be seen
MOST_ROWS = 12  # of a histogram by species; the rarest share the last


def scores_section(run: RunFolder) -> Section:
    """Return the ROC curves and the histograms by label and by attack type."""
    bands = [roc_band_chart(of, number) for number, of in enumerate(run.targets.values(), 1)] or [roc_band_chart(run)]
    charts: list[Chart | Notice] = [_roc(run), *bands, det_chart(run)]
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


def _tested(run: RunFolder) -> dict[str, Results]:
    """Return the results that curves of the target are drawn from, by name: of the target, or of each of several."""
    return {name: of.results for name, of in run.targets.items()} or {run.results.named(TEST): run.results}


def _roc(run: RunFolder) -> Chart | Notice:
    lines, results, tested = [], run.results, _tested(run)
    several = len(tested) > 1
    of_parts = [(results.named(VAL), VAL, results), *((name, TEST, of) for name, of in tested.items())]
    for colour, (name, part, of) in enumerate(of_parts):
        for dash, level in enumerate(LEVELS[:1] if several else LEVELS):
            x, y = _thin(*of.roc(part, level))
            auc = of.metric(part, level, "auc")
            if x and auc is not None:
                lines.append(Line(f"{name}, {level}s: AUC {ratio(auc)}", x, y, colour=colour, dash=dash))
    if not lines:
        return Notice("No ROC curves", [f"{results.absent or 'No part has scores of both labels'}."])
    svg = line_chart(
        lines,
        Axis("attacks accepted (all species together)", -0.01, 1.01),
        Axis("bona fide accepted (1 − BPCER)", -0.01, 1.01),
        name="roc",
        alt="ROC curves: " + "; ".join(line.name for line in lines),
        points=_honest_points(tested),
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


def _honest_points(tested: Mapping[str, Results]) -> list[tuple[str, float, float]]:
    points = []
    for name, of in tested.items():
        both = of.metric(TEST, "clip", "acer_pooled", HONEST)
        rejected = of.metric(TEST, "clip", "bpcer", HONEST)
        if both is not None and rejected is not None:  # the pooled ACER is the mean of the two rates
            points.append((f"{name}, clips, at threshold {HONEST}", 2 * both - rejected, 1 - rejected))
    return points


def _thin(x: list[float], y: list[float]) -> tuple[list[float], list[float]]:
    if len(x) <= ROC_POINTS:
        return x, y
    kept = np.unique(np.linspace(0, len(x) - 1, ROC_POINTS).astype(int))
    return [x[i] for i in kept], [y[i] for i in kept]


def _histogram(clips: pd.DataFrame, results: Results, part: str, *, by: str) -> Chart | Notice:
    what = "label" if by == "label" else "attack type"
    title = f"Clip scores by {what}: {results.named(part, pooled=True)}"
    scored = clips[(clips["part"] == part) & clips["score"].notna()]
    if scored.empty:
        return Notice(title, ["Nothing to draw: no clip of this part has a score."])
    marks = [
        (f"threshold {policy}: {score(value)}", value)
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
    import pandas as pd

    attacks = clips[clips["label"] == ATTACK]
    groups = [Group("bona fide", clips.loc[clips["label"] == BONAFIDE, "score"].tolist(), 0)]
    if by == "label":
        groups.append(Group("attack", attacks["score"].tolist(), 1))
    else:
        pairs = zip(attacks["attack_type"], attacks["pai"], strict=True)
        species = pd.Series([species_of(*pair) for pair in pairs], index=attacks.index, dtype=object)
        sizes = species.value_counts()
        if len(sizes) > MOST_ROWS:
            rest = f"{len(sizes) - MOST_ROWS + 1} other species"
            species = species.where(species.isin(list(sizes.index[: MOST_ROWS - 1])), rest)
        for place, (kind, of_kind) in enumerate(attacks["score"].groupby(species)):
            name = "attack of unknown type" if kind == UNKNOWN else str(kind)
            groups.append(Group(name, of_kind.tolist(), place + 1))
    return [group for group in groups if group.values]


# -- DET curves, and the ROC curve of the target with its band --------------------------------------------------------

TICKS = (0.001, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.95)
EDGE = 0.0005  # a normal deviate of 0 would lie at infinity


def det_chart(run: RunFolder) -> Chart | Notice:
    """Draw the DET curves at clip level: both errors on normal-deviate axes, where two Gaussian classes give a line."""
    results = run.results
    curves = {results.named(VAL): results.roc(VAL, "clip")}
    curves |= {name: of.roc(TEST, "clip") for name, of in _tested(run).items()}
    if not any(x for x, _ in curves.values()):
        return Notice("No DET curves", [f"{results.absent or 'No part has scores of both labels'}."])

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        for place, (name, (x, y)) in enumerate(curves.items()):
            if x:
                fars, frrs = np.array(x), 1 - np.array(y)
                axes.plot(_deviate(fars), _deviate(frrs), label=f"{name}, clips", color=COLOURS[place % len(COLOURS)],
                          linestyle=DASHES[0], drawstyle="steps-post")  # fmt: skip
        _ticks(axes)
        figure.legend(loc="outside lower center", ncols=1)

    alt = "DET curves at clip level: share of bona fide rejected against share of attacks accepted"
    reading = (
        "Both axes count errors, so a better curve lies nearer the lower left corner. The axes are stretched (normal "
        "deviates), so that small rates can be told apart."
    )
    return Chart("DET curves", draw(paint, name="det", alt=alt, height=3.6), reading)


def roc_band_chart(run: RunFolder, number: int = 0) -> Chart | Notice:
    """Draw the target's ROC curve with the band in which 95 of 100 resamplings of its people lie.

    `number` tells the charts of several targets apart.
    """
    from fastrain.evaluation.scores import Samples
    from fastrain.evaluation.statistics.clusters import Clusters, affordable
    from fastrain.evaluation.statistics.intervals import BAND_RESAMPLES, roc_band

    title = f"ROC curve with its band: {run.results.named(TEST)}, clips"
    target = run.scores.clips().part(TEST) if run.scores else None
    if target is None:
        return Notice(title, ["Nothing to draw: the target has no scores."])
    fta = run.results.fta
    samples = Samples.of(target, fta)
    kept = target.frame if fta == "count" else target.frame[target.frame["status"] == "ok"]
    clusters = Clusters.of(kept)
    drawn = affordable(BAND_RESAMPLES, 10 * len(kept))  # a curve costs more than a number
    band = roc_band(samples, clusters, resamples=drawn)
    x, y = run.results.roc(TEST, "clip")
    if band is None or not x:
        return Notice(title, ["Nothing to draw: one of the two labels is missing."])

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.fill_between(band.fpr, band.low, band.high, color=COLOURS[1], alpha=0.2, linewidth=0, label="95 % band")
        axes.plot(x, y, color=COLOURS[1], label=run.results.named(TEST))
        axes.set_xlabel("attacks accepted (all species together)")
        axes.set_ylabel("bona fide accepted (1 − BPCER)")
        axes.set_xlim(-0.01, 1.01)
        axes.set_ylim(-0.01, 1.01)
        figure.legend(loc="outside lower center", ncols=2)

    reading = f"How far the curve may lie from what more people would show: {clusters.note()}; {drawn} resamples."
    return Chart(title, draw(paint, name=f"rocband{number or ''}", alt=title), reading)


def _deviate(rates: np.ndarray) -> np.ndarray:
    from scipy.special import ndtri

    return np.asarray(ndtri(np.clip(rates, EDGE, 1 - EDGE)))


def _ticks(axes: Axes) -> None:
    places = _deviate(np.array(TICKS))
    names = [f"{100 * tick:g}" for tick in TICKS]
    axes.set_xticks(places, names)
    axes.set_yticks(places, names)
    low, high = _deviate(np.array([EDGE, 0.96]))
    axes.set_xlim(low - 0.1, high)
    axes.set_ylim(low - 0.1, high)
    axes.set_xlabel("attacks accepted, all species (%)")
    axes.set_ylabel("bona fide rejected (%)")
