"""Histograms of several groups, one above the other on a common axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from fasdata.report.drawing import COLOURS, MARK, draw

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
    """Draw one row a group, all with the same bins; `marks` are named vertical lines through all.

    The vertical axis is common too, unless `same_height` is False: then a group with one tall bar flattens no other.

    Bars are shares of their own group in percent, so that a large group does not bury a small one. `unit` names what
    is counted (clips, frames).
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
