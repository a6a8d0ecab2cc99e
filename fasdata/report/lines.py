"""Line charts: curves over a common axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from fasdata.report.drawing import COLOURS, DASHES, HEIGHT, MARK, draw

if TYPE_CHECKING:
    from matplotlib.figure import Figure


LEGEND_WIDTH = 24  # characters of a name; longer ones take a line of the legend each


@dataclass(frozen=True)
class Line:
    """A curve; `dots` marks its points. `colour` and `dash` count from 0, by default each line takes the next."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    colour: int | None = None
    dash: int | None = None
    dots: bool = False


@dataclass(frozen=True)
class Axis:
    """An axis: what it counts and in what unit, and its range where that is fixed."""

    label: str
    low: float | None = None
    high: float | None = None


def line_chart(
    lines: Sequence[Line],
    x_axis: Axis,
    y_axis: Axis,
    *,
    name: str,
    alt: str,
    upright: tuple[str, float] | None = None,
    points: Sequence[tuple[str, float, float]] = (),
    diagonal: str = "",
) -> Markup:
    """Draw curves; `upright` is a named vertical line, `points` are named, `diagonal` is the name of the line y = x."""

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        if diagonal:
            axes.plot([0, 1], [0, 1], color="#8c959f", linewidth=1, linestyle=":", label=diagonal)
        for place, line in enumerate(lines):
            axes.plot(
                line.x,
                line.y,
                label=line.name,
                color=COLOURS[(place if line.colour is None else line.colour) % len(COLOURS)],
                linestyle=DASHES[(place if line.dash is None else line.dash) % len(DASHES)],
                marker="o" if line.dots or len(line.x) == 1 else "",
                markersize=3.5,
            )
        if upright:
            axes.axvline(upright[1], color=MARK, linewidth=1, linestyle=(0, (2, 2)), label=upright[0])
        for place, (label, x, y) in enumerate(points):
            axes.plot([x], [y], "osD^v"[place % 5], color=MARK, markersize=6, markerfacecolor="white", label=label)
        axes.set_xlabel(x_axis.label)
        axes.set_ylabel(y_axis.label)
        if x_axis.low is not None or x_axis.high is not None:
            axes.set_xlim(x_axis.low, x_axis.high)
        if y_axis.low is not None or y_axis.high is not None:
            axes.set_ylim(y_axis.low, y_axis.high)
        figure.legend(loc="outside lower center", ncols=columns)

    names = [line.name for line in lines] + [point[0] for point in points] + [upright[0] if upright else "", diagonal]
    columns = 2 if max(map(len, names)) <= LEGEND_WIDTH else 1
    entries = -(-sum(bool(one) for one in names) // columns)
    return draw(paint, name=name, alt=alt, height=HEIGHT + 0.2 * entries)
