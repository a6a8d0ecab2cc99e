"""Draw line charts with matplotlib into inline SVG: no global state, the same input gives the same bytes."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from matplotlib.figure import Figure


# -- Inline SVG -------------------------------------------------------------------------------------------------------

# Okabe and Ito's colours, distinct for every common kind of colour vision; without the yellow, which print loses.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
DASHES = ("-", "--", "-.", ":")
MARK = "#24292f"

# Narrow, so that the text is readable where a phone shows the chart at 350 pixels.
WIDTH, HEIGHT = 4.6, 3.2  # inches

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: it can be searched, copied and read aloud
    "svg.hashsalt": "fasdata",
    "text.parse_math": False,  # a name from a file is text, not a formula
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "sans-serif"],
    "figure.facecolor": "none",  # the page shows through, light or dark
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "font.size": 10,
    "axes.labelsize": 10,
    "legend.fontsize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e3e7eb",
    "grid.linewidth": 0.7,
    "axes.axisbelow": True,
    "axes.edgecolor": "#57606a",
    "legend.frameon": False,
    "lines.linewidth": 1.7,
}


def draw(paint: Callable[[Figure], None], *, name: str, alt: str, height: float = HEIGHT) -> Markup:
    """Let `paint` fill an empty figure and return it as inline SVG.

    `name` makes the ids of a chart unique on its page; `alt` describes the chart in words.
    """
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    # A style of the user's own would change the bytes, so start from the library's defaults.
    with matplotlib.rc_context(), warnings.catch_warnings():
        # Names in any script: text stays text, and the reader's browser has the glyphs that the layout's font lacks.
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        paint(figure)
        text = io.StringIO()
        FigureCanvasSVG(figure).print_svg(text, metadata={"Date": None})
    return _inline(text.getvalue(), name, alt)


def _inline(svg: str, name: str, alt: str) -> Markup:
    """Remove what an inline SVG does not need, and make its ids unique."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    # This rule would apply to the complete page; the page's own style has it for charts alone.
    svg = re.sub(r"<defs>\s*<style[^>]*>.*?</style>\s*</defs>", "", svg, flags=re.S)
    head, rest = svg.split(">", 1)
    box = re.search(r'viewBox="[^"]*"', head)
    rest = re.sub(r'(\bid="|href="#|url\(#)', lambda match: f"{match[1]}{name}-", rest)
    opening = f'<svg class="chart" role="img" aria-label="{escape(alt)}" {box.group(0) if box else ""}'
    return Markup(f"{opening}>{rest.strip()}")


# -- Line charts ------------------------------------------------------------------------------------------------------

LEGEND_WIDTH = 24  # characters of a name; a longer one makes the legend a single column


@dataclass(frozen=True)
class Line:
    """A curve; `dots` marks its points. `colour` and `dash` count from 0; by default each line takes the next."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    colour: int | None = None
    dash: int | None = None
    dots: bool = False


@dataclass(frozen=True)
class Axis:
    """An axis: its quantity and unit, and its range where that is fixed."""

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
    entries = -(-sum(bool(entry) for entry in names) // columns)
    return draw(paint, name=name, alt=alt, height=HEIGHT + 0.2 * entries)
