"""Draw histograms of several groups: above each other on a common axis, or over each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from fasdata.page.charts import COLOURS, DASHES, MARK, draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


# -- Groups above each other on a common axis -------------------------------------------------------------------------

BINS = 25
_LINES = ("-", "--", ":", "-.")


@dataclass(frozen=True)
class Group:
    """A named sample of values; `colour` counts from 0."""

    name: str
    values: Sequence[float]
    colour: int


def histogram_rows(
    groups: Sequence[Group],
    x_label: str,
    unit: str,
    *,
    name: str,
    alt: str,
    marks: Sequence[tuple[str, float]] = (),
    same_height: bool = True,
) -> Markup:
    """Draw a row per group, all with the same bins; `marks` are named vertical lines through all rows.

    The vertical axis is common too, unless `same_height` is False: then a group with one tall bar flattens no other.

    Bars are shares of their own group in percent, so that a large group does not hide a small one. `unit` is the
    counted noun (clips, frames).
    """
    everything = np.concatenate([np.asarray(group.values, float) for group in groups])
    reach = np.concatenate([everything, [value for _, value in marks]])
    low, high = float(reach.min()), float(reach.max())
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, BINS + 1)
    shares = [100 * np.histogram(group.values, edges)[0] / len(group.values) for group in groups]

    def paint(figure: Figure) -> None:
        rows = figure.subplots(len(groups), 1, sharex=True, sharey=same_height, squeeze=False)[:, 0]
        for axes, group, share in zip(rows, groups, shares, strict=True):
            axes.stairs(share, edges, fill=True, color=COLOURS[group.colour % len(COLOURS)], alpha=0.85)
            axes.set_title(f"{group.name} ({len(group.values)})", fontsize=10, loc="left", pad=3)
            axes.locator_params(axis="y", nbins=3)
            for place, (label, value) in enumerate(marks):
                shown = label if axes is rows[0] else None
                axes.axvline(value, color=MARK, linewidth=1.3, linestyle=_LINES[place % len(_LINES)], label=shown)
        rows[-1].set_xlabel(x_label)
        figure.supylabel(f"share of the group's {unit} (%)", fontsize=10)
        if marks:
            figure.legend(loc="outside lower center", ncols=1)

    return draw(paint, name=name, alt=alt, height=1.0 + 0.95 * len(groups) + 0.2 * len(marks))


# -- Two or three groups over each other ------------------------------------------------------------------------------

MOST_BINS = 30
HEIGHT = 2.7  # inches
_TAIL = 0.5  # percent of the values at each end that may share the outermost bar


def overlay(groups: Sequence[Group], x_label: str, unit: str, *, name: str, alt: str, log: bool = False) -> Markup:
    """Draw the groups as outlines on one axis, the first filled.

    Bars are shares of their own group in percent, so that a large group does not hide a small one. `unit` is the
    counted noun. `log` makes the axis logarithmic; values of 0 and less then count at its left end.
    """
    edges = bin_edges(np.concatenate([np.asarray(group.values, float) for group in groups]), log=log)
    shares = [_shares(np.asarray(group.values, float), edges) for group in groups]

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        for place, (group, share) in enumerate(zip(groups, shares, strict=True)):
            colour, label = COLOURS[group.colour % len(COLOURS)], f"{group.name} ({len(group.values)})"
            if place == 0:
                axes.stairs(share, edges, fill=True, color=colour, alpha=0.3)
            dash = DASHES[place % len(DASHES)]
            axes.stairs(share, edges, color=colour, linewidth=1.7, linestyle=dash, label=label)
        if log:
            _powers(axes)
        else:
            axes.locator_params(axis="x", nbins=6)
        axes.set_xlim(edges[0], edges[-1])
        axes.set_ylim(bottom=0)
        axes.set_xlabel(x_label)
        axes.set_ylabel(f"share of {unit} (%)")
        figure.legend(loc="outside lower center", ncols=2)

    return draw(paint, name=name, alt=alt, height=HEIGHT)


def _powers(axes: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def bin_edges(values: np.ndarray, *, log: bool = False) -> np.ndarray:
    """Return bin edges over the values; outliers, up to 1 % of the values, share the outermost bars."""
    bins = int(np.clip(3 * len(values) ** (1 / 3), 6, MOST_BINS))  # few values: few bars
    if log:
        positive = values[values > 0]
        if not len(positive):
            return np.geomspace(0.1, 1, bins + 1)
        return np.asarray(10 ** bin_edges(np.log10(positive)))
    low, high = float(values.min()), float(values.max())
    core_low, core_high = np.percentile(values, [_TAIL, 100 - _TAIL])
    # A few outliers must not squeeze all others into one bar.
    if high - low > 1.5 * (core_high - core_low) > 0:
        low, high = float(core_low), float(core_high)
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, bins + 1)


def _shares(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    inside = np.clip(values, edges[0], edges[-1])
    return np.asarray(100 * np.histogram(inside, edges)[0] / max(1, len(values)))
