"""Drawing with matplotlib into inline SVG: no global state left behind, the same input gives the same bytes."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colours without the yellow, which print loses; told apart by every common kind of colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
DASHES = ("-", "--", "-.", ":")
MARK = "#24292f"

# Narrow, so that the lettering is still readable where a phone shows the drawing at 350 pixels.
WIDTH, HEIGHT = 4.6, 3.2  # inches

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: it can be searched, copied and read aloud
    "svg.hashsalt": "fasdata",
    "text.parse_math": False,  # a name from a file is text, not a formula
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "sans-serif"],
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

    `name` keeps the ids of several drawings on a page apart; `alt` tells in words what is drawn.
    """
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    # A style of the user's own would change the bytes, so start from the library's defaults.
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        paint(figure)
        text = io.StringIO()
        FigureCanvasSVG(figure).print_svg(text, metadata={"Date": None})
    return _inline(text.getvalue(), name, alt)


def _inline(svg: str, name: str, alt: str) -> Markup:
    """Strip what an inline SVG does not need, and make its ids its own."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    # This rule would reach the whole page; the page's own style has it for charts alone.
    svg = re.sub(r"<defs>\s*<style[^>]*>.*?</style>\s*</defs>", "", svg, flags=re.S)
    head, rest = svg.split(">", 1)
    box = re.search(r'viewBox="[^"]*"', head)
    rest = re.sub(r'(\bid="|href="#|url\(#)', lambda found: f"{found[1]}{name}-", rest)
    opening = f'<svg class="chart" role="img" aria-label="{escape(alt)}" {box.group(0) if box else ""}'
    return Markup(f"{opening}>{rest.strip()}")
