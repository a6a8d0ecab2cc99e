"""The DET curve and the ROC curve of the target with a band over resampled people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fasdata.report.chart import Chart
from fasdata.report.drawing import COLOURS, DASHES, draw
from fasdata.report.prose import Notice
from fastrain.report.results import PARTS, TEST, VAL, Results
from fastrain.report.run_folder import RunFolder

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TICKS = (0.001, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.95)
EDGE = 0.0005  # a normal deviate of 0 would lie at infinity


def det_chart(results: Results) -> Chart | Notice:
    """Return the DET curves at clip level: both errors on normal-deviate axes, where a Gaussian pair is a line."""
    curves = {part: results.roc(part, "clip") for part in (VAL, TEST)}
    if not any(x for x, _ in curves.values()):
        return Notice("No DET curves", [f"{results.absent or 'No part has scores of both labels'}."])

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        for place, (part, (x, y)) in enumerate(curves.items()):
            if x:
                fars, frrs = np.array(x), 1 - np.array(y)
                axes.plot(_deviate(fars), _deviate(frrs), label=f"{PARTS[part]}, clips", color=COLOURS[place],
                          linestyle=DASHES[0], drawstyle="steps-post")  # fmt: skip
        _ticks(axes)
        figure.legend(loc="outside lower center", ncols=1)

    alt = "DET curves at clip level: share of bona fide rejected against share of attacks accepted"
    reading = (
        "Both axes count errors, so a better curve lies nearer the lower left corner. The axes are stretched (normal "
        "deviates), so that small rates can be told apart."
    )
    return Chart("DET curves", draw(paint, name="det", alt=alt, height=3.6), reading)


def roc_band_chart(run: RunFolder) -> Chart | Notice:
    """Return the target's ROC curve with the band in which 95 of 100 resamplings of its people lie."""
    from fastrain.evaluation.samples import Samples
    from fastrain.evaluation.statistics.bands import RESAMPLES, roc_band
    from fastrain.evaluation.statistics.clusters import Clusters

    title = f"ROC curve with its band: {PARTS[TEST]}, clips"
    target = run.scores.clips().part(TEST) if run.scores else None
    if target is None:
        return Notice(title, ["Nothing to draw: the target has no scores."])
    fta = "exclude" if run.results.data.get("fta") == "exclude" else "count"
    samples = Samples.of(target, fta)
    kept = target.frame if fta == "count" else target.frame[target.frame["status"] == "ok"]
    clusters = Clusters.of(kept)
    band = roc_band(samples, clusters)
    x, y = run.results.roc(TEST, "clip")
    if band is None or not x:
        return Notice(title, ["Nothing to draw: one of the two labels is missing."])

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.fill_between(band.fpr, band.low, band.high, color=COLOURS[1], alpha=0.2, linewidth=0, label="95 % band")
        axes.plot(x, y, color=COLOURS[1], label=PARTS[TEST])
        axes.set_xlabel("attacks accepted (all species together)")
        axes.set_ylabel("bona fide accepted (1 − BPCER)")
        axes.set_xlim(-0.01, 1.01)
        axes.set_ylim(-0.01, 1.01)
        figure.legend(loc="outside lower center", ncols=2)

    reading = f"How far the curve may lie from what more people would show: {clusters.note()}; {RESAMPLES} resamples."
    return Chart(title, draw(paint, name="rocband", alt=title), reading)


def _deviate(rates: np.ndarray) -> np.ndarray:
    from scipy.special import ndtri

    return ndtri(np.clip(rates, EDGE, 1 - EDGE))


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
