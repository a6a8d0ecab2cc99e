"""Show the loss around a run's weights, domains side by side, and that of a second run on the same scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fasdata.errors import UserError
from fasdata.page.figures import Chart, Charts
from fasdata.page.page import Section, Subsection
from fasdata.page.parts import Column, Notice, Row, Table
from fasdata.page.spelling import Absent, count, is_number, percent
from fastrain.landscape.surfaces import FILE, Landscape
from fastrain.report.landscape_charts import Scale, contour_chart, lowest_point, surface_chart
from fastrain.report.run_folder import RunFolder

FOLDER = "landscape"
DRAWN = 2  # runs; more would not stand side by side
SAME = ("range", "steps", "batchnorm", "images", "seed")
CHOOSES_NOTHING = "The target chooses nothing here: neither directions nor range nor radius depend on it."


def landscape_section(runs: Sequence[RunFolder]) -> Section | None:
    """Return the landscapes of those runs that have one; None where none has."""
    landscapes: dict[str, Landscape] = {}
    parts: list[Any] = []
    names = [run.name for run in runs]
    for run in runs:
        path = run.path / FOLDER / FILE
        if path.is_file():
            try:
                landscapes[run.name if names.count(run.name) == 1 else str(run.path)] = Landscape.read(path)
            except UserError as error:
                parts.append(Notice("A landscape that could not be read", [str(error)], "bad"))
    if not landscapes and not parts:
        return None
    parts += _notices(landscapes, len(runs))
    if landscapes:
        parts.append(_table(landscapes))
        parts += _pictures(dict(list(landscapes.items())[:DRAWN]))
    lead = (
        "The mean cross entropy where the weights are moved along two random directions, each of whose filters is as "
        "long as the network's own (Li et al., NeurIPS 2018). A wide valley is taken as a sign that a solution also "
        f"holds on data a little different. {CHOOSES_NOTHING}"
    )
    return Section("landscape", "Loss landscape", parts, lead)


def _notices(landscapes: dict[str, Landscape], runs: int) -> list[Notice]:
    notices = []
    for name, landscape in landscapes.items():
        left = int((~landscape.done).sum())
        if left:
            words = f"{name}: {left} of {landscape.done.size} points are missing; the same command makes them."
            notices.append(Notice("Not finished", [words], "mixed"))
    shown = list(landscapes.items())
    for name, other in shown[1:]:
        lines = shown[0][1].differences(other.request)
        differing = [line for line in lines if line.partition(":")[0] in SAME]
        if differing:
            notices.append(Notice(f"{name} was measured otherwise: compare with care", differing, "mixed"))
    if len(landscapes) < runs and landscapes:
        notices.append(Notice("Runs without a landscape are left out", ["To make one: fastrain landscape RUN"]))
    if len(landscapes) > DRAWN:
        notices.append(Notice("Drawn are the first two", ["All others are in the table."]))
    return notices


def _table(landscapes: dict[str, Landscape]) -> Table:
    radii = sorted({float(radius) for landscape in landscapes.values() for radius in landscape.rho})
    columns = [
        Column("Domain"), *([Column("Run")] if len(landscapes) > 1 else []), Column("Images, bona fide + attack", True),
        Column("Loss", True), Column("Accuracy", True), Column("Lowest loss of the grid", True), Column("at", True),
        Column("Length of the gradient", True), *(Column(f"Rise at ρ = {radius:g}", True) for radius in radii),
    ]  # fmt: skip
    rows = [
        Row(_cells(name if len(landscapes) > 1 else "", landscape, k, radii), "strong" if domain.target else "")
        for name, landscape in landscapes.items()
        for k, domain in enumerate(landscape.domains)
    ]
    note = (
        "Loss in nats, at the network's own weights; accuracy: images whose log odds have the sign of their label. "
        "Rise at ρ (sharpness): how much the loss grows on a step of length ρ along the domain's own gradient, as in "
        "sharpness-aware minimisation. Sources: training images, not augmented; target: test images."
    )
    return Table("At the network and on the way up", columns, rows, note)


def _cells(run: str, landscape: Landscape, k: int, radii: Sequence[float]) -> list[Any]:
    domain = landscape.domains[k]
    loss, accuracy = landscape.here(k)
    lowest = lowest_point(landscape, k)
    rises = dict(zip(landscape.rho.tolist(), landscape.sharpness[k].tolist(), strict=True))
    return [
        domain.title,
        *([run] if run else []),
        f"{count(domain.bonafide)} + {count(domain.attack)}",
        loss_words(loss),
        percent(accuracy, "not measured"),
        loss_words(landscape.lowest(k)),
        Absent("not measured") if lowest is None else f"({lowest[0]:g}, {lowest[1]:g})",
        loss_words(float(landscape.gradient[k])),
        *(rise_words(rises.get(radius)) for radius in radii),
    ]


def loss_words(value: float) -> str | Absent:
    """Spell a loss with four significant digits."""
    return f"{value:.4g}" if is_number(value) else Absent("not a finite number")


def rise_words(value: float | None) -> str | Absent:
    """Spell a rise of the loss with its sign."""
    return f"{value:+.4f}" if is_number(value) else Absent("not measured")


def _pictures(landscapes: dict[str, Landscape]) -> list[Subsection]:
    scale = Scale.over(list(landscapes.values()))
    if scale is None:
        return []
    contours: list[Chart] = []
    surfaces: list[Chart] = []
    for place, (name, landscape) in enumerate(landscapes.items()):
        for k, domain in enumerate(landscape.domains):
            title = f"{domain.title}: {name}" if len(landscapes) > 1 else domain.title
            contours.append(contour_chart(landscape, k, scale, name=f"contour-{place}-{k}", title=title))
            surfaces.append(surface_chart(landscape, k, scale, name=f"surface-{place}-{k}", title=title))
    same = "All charts have one scale, which is logarithmic"
    runs = "; the first run stands left, the second right" if len(landscapes) > 1 else ""
    steps = "Coordinates are in lengths of the directions: at 1 every filter has moved by its own length."
    return [
        Subsection("contours", "Contours", [Charts(contours)], f"{same}{runs}. {steps}"),
        Subsection("surfaces", "Surfaces", [Charts(surfaces)], f"{same}. VTK files of them lie beside {FILE}."),
    ]
