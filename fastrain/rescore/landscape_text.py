"""Say in a terminal what a landscape shows, or would take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fasdata.page.spelling import percent, text_table
from fastrain.landscape.surfaces import Landscape
from fastrain.report.landscape_charts import lowest_point
from fastrain.report.landscape_section import CHOOSES_NOTHING, loss_words, rise_words

LOSS = "mean binary cross entropy of the network's log odds, in nats, in evaluation mode"
NEAR = 0.1  # nats above the lowest: what counts as the valley's floor


def dry_words(landscape: Landscape, place: Path, device: str, batch_size: int, note: str = "") -> str:
    """Return what would be done; nothing is. `note` is what is to be known of the run."""
    points, left = landscape.done.size, len(landscape.points_left())
    images = sum(domain.bonafide + domain.attack for domain in landscape.domains)
    begun = f", {points - left} of them done" if left < points else ""
    return "\n".join(
        [
            *_heading(landscape, place.parent.parent, note),
            f"{points} points{begun}; {left * images:,} images to score on {device}, {batch_size} at a time",
            f"would write {place}, a .vts file a domain beside it, and the report; nothing was written",
        ]
    )


def summary(
    landscape: Landscape, place: Path, surfaces: Sequence[Path], report: Path, again: str, note: str = ""
) -> str:
    """Return the table of domains, what it says, and where the files are.

    `again` is the command without options, `note` what is to be known of the run.
    """
    header = [
        "domain", "images", "loss", "accuracy", "lowest, at", "highest", "|gradient|",
        *(f"rise at {radius:g}" for radius in landscape.rho),
    ]  # fmt: skip
    rows = [_row(landscape, k) for k in range(len(landscape.domains))]
    took = float(np.nansum(landscape.seconds))
    folder = place.parent
    return "\n".join(
        [
            *_heading(landscape, folder.parent, note),
            *text_table(header, rows, indent=""),
            *_verdicts(landscape),
            CHOOSES_NOTHING,
            f"{landscape.done.size} points in {took:.1f} s, {took / landscape.done.size:.2f} s each",
            "",
            f"arrays:  {place}",
            f"surfaces for ParaView: {', '.join(str(path.relative_to(folder.parent)) for path in surfaces)}",
            f"report:  {report}#landscape",
            f"two runs on one scale: {again} OTHER, then fastrain report {folder.parent} OTHER --out both.html",
        ]
    )


def _heading(landscape: Landscape, folder: Path, note: str) -> list[str]:
    of: Any = landscape.request
    return [
        f"loss landscape of {folder}: {of['method']} on {of['protocol']}, checkpoint {of['checkpoint']} "
        f"(iteration {of['iteration']})",
        f"{LOSS}; {of['steps']} x {of['steps']} points within {of['range']:g} lengths of two filter-normalised "
        f"directions, seed {of['seed']}, batch norm: {of['batchnorm']}",
        *([f"note: {note}"] if note else []),
    ]


def _row(landscape: Landscape, k: int) -> list[str]:
    domain = landscape.domains[k]
    loss, accuracy = landscape.here(k)
    lowest, losses = lowest_point(landscape, k), landscape.loss[k]
    highest = float(losses[np.isfinite(losses)].max(initial=-np.inf))
    return [
        domain.title,
        f"{domain.bonafide} + {domain.attack}",
        str(loss_words(loss)),
        str(percent(accuracy)),
        "-" if lowest is None else f"{landscape.lowest(k):.4g} ({lowest[0]:g}, {lowest[1]:g})",
        str(loss_words(highest)),
        str(loss_words(float(landscape.gradient[k]))),
        *(str(rise_words(float(rise))) for rise in landscape.sharpness[k]),
    ]


def _verdicts(landscape: Landscape) -> list[str]:
    """Return sentences on what stands out: domains not at their lowest, the sharpest and the flattest source."""
    lines = []
    for k, domain in enumerate(landscape.domains):
        gap, lowest = landscape.here(k)[0] - landscape.lowest(k), lowest_point(landscape, k)
        if lowest is not None and gap > NEAR:
            lines.append(
                f"{domain.title}: the loss is {gap:.2f} lower at ({lowest[0]:g}, {lowest[1]:g}): the network does not "
                "stand on the floor of this domain's valley"
            )
        broken = int((landscape.done & ~np.isfinite(landscape.loss[k])).sum())
        if broken:
            lines.append(f"{domain.title}: at {broken} points the loss is no finite number: a smaller --range helps")
    sources = [k for k, domain in enumerate(landscape.domains) if not domain.target]
    if len(sources) > 1 and len(landscape.rho):
        rises = {landscape.domains[k].name: float(landscape.sharpness[k, -1]) for k in sources}
        flat, *_, sharp = (f"{name} ({rises[name]:+.3f})" for name in sorted(rises, key=lambda name: rises[name]))
        lines.append(f"sharpest source at rho {landscape.rho[-1]:g}: {sharp}; flattest: {flat}")
    return lines
