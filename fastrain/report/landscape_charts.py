"""Draw the loss around a network: contours and a surface of each domain, all charts of a page on one scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fasdata.page.charts import MARK, draw
from fasdata.page.figures import Chart
from fastrain.landscape.surfaces import Landscape

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

SHADES = "cividis"  # the same for every kind of colour vision
SMALLEST = 1e-6  # a loss below counts as this on a logarithmic scale
MOST_LEVELS = 14
MESH = 25  # lines of a surface in each direction; more make the page heavy and are not seen
_STEPS = (1, 2, 5)


# -- The scale --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scale:
    """A logarithmic scale of losses, with the levels at which contours are drawn."""

    low: float
    high: float
    levels: tuple[float, ...]

    @classmethod
    def over(cls, landscapes: Sequence[Landscape]) -> Scale | None:
        """Return the scale that holds every finite loss of all domains; None where there is none."""
        losses = np.concatenate([landscape.loss.ravel() for landscape in landscapes])
        losses = losses[np.isfinite(losses)]
        if not len(losses):
            return None
        low, high = max(SMALLEST, float(losses.min())), max(SMALLEST, float(losses.max()))
        high = max(high, 1.01 * low)  # a flat landscape has a scale too
        return cls(low, high, levels_between(low, high))

    def shown(self, losses: np.ndarray) -> np.ma.MaskedArray[Any, Any]:
        """Return losses as they are drawn: none outside the scale, those that are no numbers masked."""
        return np.ma.masked_invalid(np.clip(losses, self.low, self.high))

    def norm(self) -> LogNorm:
        """Return matplotlib's form of the scale."""
        from matplotlib.colors import LogNorm

        return LogNorm(self.low, self.high)


def levels_between(low: float, high: float) -> tuple[float, ...]:
    """Return round numbers, 1, 2, 5 and their multiples by ten, from `low` to `high`; if few fit, even ratios.

    >>> levels_between(0.3, 12)
    (0.5, 1.0, 2.0, 5.0, 10.0)
    >>> [round(level, 3) for level in levels_between(0.5, 0.6)]
    [0.5, 0.513, 0.527, 0.541, 0.555, 0.57, 0.585, 0.6]
    """
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    levels = [float(f"{step}e{decade}") for decade in decades for step in _STEPS]
    inside = [level for level in levels if low <= level <= high]
    if len(inside) < 4:
        return tuple(np.geomspace(low, high, 8).tolist())
    return tuple(inside if len(inside) <= MOST_LEVELS else inside[:: -(-len(inside) // MOST_LEVELS)])


# -- The charts -------------------------------------------------------------------------------------------------------


def contour_chart(landscape: Landscape, domain: int, scale: Scale, *, name: str, title: str) -> Chart:
    """Draw the loss of a domain as contours; a cross marks the network, a ring the lowest point of the grid."""
    x, y = np.meshgrid(landscape.axis, landscape.axis, indexing="ij")
    losses = scale.shown(landscape.loss[domain])

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        fills = [scale.low, *(level for level in scale.levels if scale.low < level < scale.high), scale.high]
        filled = axes.contourf(x, y, losses, levels=fills, norm=scale.norm(), cmap=SHADES, alpha=0.85)
        lines = axes.contour(x, y, losses, levels=fills[1:-1], colors=MARK, linewidths=0.6) if len(fills) > 2 else None
        if lines is not None:
            axes.clabel(lines, fontsize=7.5, fmt=_spelled)
        axes.plot([0], [0], "+", color="#d00000", markersize=11, markeredgewidth=2, label="the network")
        lowest = lowest_point(landscape, domain)
        if lowest is not None:
            axes.plot(*lowest, "o", color="#d00000", markersize=7, markerfacecolor="none", label="lowest of the grid")
        _bar(figure, filled, scale, axes)
        axes.set_aspect("equal")
        axes.set_xlabel("first direction")
        axes.set_ylabel("second direction")
        figure.legend(loc="outside lower center", ncols=2)

    loss, accuracy = landscape.here(domain)
    alt = f"{title}: contours of the loss, {loss:.3g} at the network, accuracy {100 * accuracy:.0f} %"
    return Chart(title, draw(paint, name=name, alt=alt, height=3.9))


def surface_chart(landscape: Landscape, domain: int, scale: Scale, *, name: str, title: str) -> Chart:
    """Draw the loss of a domain as a surface over the plane, its logarithm as height."""
    x, y = np.meshgrid(landscape.axis, landscape.axis, indexing="ij")
    losses = scale.shown(landscape.loss[domain])

    def paint(figure: Figure) -> None:
        import matplotlib

        axes: Any = figure.add_subplot(projection="3d", computed_zorder=False)
        shades = matplotlib.colormaps[SHADES](scale.norm()(losses))
        height = np.log10(losses).filled(np.nan)
        axes.plot_surface(x, y, height, facecolors=shades, rcount=MESH, ccount=MESH, shade=False, linewidth=0.2)
        axes.set_zlim(np.log10(scale.low), np.log10(scale.high))
        ticks = _ticks(scale)
        axes.set_zticks(np.log10(ticks), [_spelled(level) for level in ticks])
        axes.set_xlabel("first direction")
        axes.set_ylabel("second direction")
        axes.set_zlabel("loss")
        axes.tick_params(labelsize=7.5)
        axes.locator_params(axis="x", nbins=4)
        axes.locator_params(axis="y", nbins=4)
        axes.view_init(elev=28, azim=-58)
        axes.set_box_aspect((1, 1, 0.75), zoom=0.88)

    return Chart(title, draw(paint, name=name, alt=f"{title}: the loss as a surface", height=3.8))


def lowest_point(landscape: Landscape, domain: int) -> tuple[float, float] | None:
    """Return the coordinates of the lowest loss of a domain on the grid; None where none is a finite number."""
    losses = np.where(np.isfinite(landscape.loss[domain]), landscape.loss[domain], np.inf)
    i, j = np.unravel_index(int(losses.argmin()), losses.shape)
    if np.isinf(losses[i, j]):
        return None
    return float(landscape.axis[i]), float(landscape.axis[j])


def _bar(figure: Figure, filled: Any, scale: Scale, axes: Axes) -> None:
    bar = figure.colorbar(filled, ax=axes, shrink=0.85, pad=0.03)
    bar.set_ticks(_ticks(scale), labels=[_spelled(level) for level in _ticks(scale)])
    bar.ax.minorticks_off()
    bar.set_label("loss (nats)")


def _ticks(scale: Scale) -> list[float]:
    step = -(-len(scale.levels) // 6)
    return list(scale.levels[::step])


def _spelled(level: float) -> str:
    return f"{level:.3g}"
