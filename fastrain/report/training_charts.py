"""How training went: the losses, and the validation after every so many epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fasdata.report.chart import Chart, Charts
from fasdata.report.lines import Axis, Line, line_chart
from fasdata.report.page import Section
from fasdata.report.prose import Notice
from fasdata.report.value import is_number
from fastrain.report.run_folder import METRICS, RunFolder

POINTS = 150  # a curve; more would not be seen
_NOT_A_LOSS = {"kind", "iteration", "epoch", "seconds", "lr"}


def training_section(run: RunFolder) -> Section:
    """Return the loss curves and the validation curve."""
    return Section("training", "Training", [Charts([_losses(run), _validation(run)])])


def _losses(run: RunFolder) -> Chart | Notice:
    curves = {name: _curve(run.train_log, name) for name in _keys(run.train_log)}
    curves = {name: points for name, points in curves.items() if len(points)}
    if not curves:
        return Notice("No loss curves", [f"{run.missing.get(METRICS, 'No training step was logged')}."])
    step = max(-(-len(points) // POINTS) for points in curves.values())
    thinned = {name: _means(points, step) for name, points in curves.items()}
    lines = [Line(name, points[:, 0].tolist(), points[:, 1].tolist()) for name, points in thinned.items()]
    each = f"Each point is the mean of {step} logged steps. " if step > 1 else ""
    svg = line_chart(
        lines,
        Axis("iteration"),
        Axis("loss (no unit)"),
        name="loss",
        alt="Training losses over iterations: " + ", ".join(curves),
    )
    return Chart(
        "Training losses",
        svg,
        f"{each}Falling curves mean that the network fits its training clips. That alone does not show that it "
        "learned anything general: see the validation curve.",
    )


def _validation(run: RunFolder) -> Chart | Notice:
    curves = {name: _curve(run.val_log, name) for name in ("auc", "eer")}
    curves = {name: points for name, points in curves.items() if len(points)}
    if not curves:
        return Notice("No validation curve", [f"{run.missing.get(METRICS, 'No validation was logged')}."])
    lines = [
        Line(name.upper(), points[:, 0].tolist(), points[:, 1].tolist(), colour=place, dash=place, dots=True)
        for place, (name, points) in enumerate(curves.items())
    ]
    chosen = (run.run.get("selection") or {}).get("iteration", "")
    oracle = "oracle" in run.selection_policy()
    svg = line_chart(
        lines,
        Axis("iteration"),
        Axis("rate between 0 and 1", 0, 1.02),
        name="validation",
        alt="Validation AUC and EER over iterations",
        upright=("checkpoint used", float(chosen)) if is_number(chosen) else None,
    )
    return Chart(
        "Validation on the target's own clips (oracle)" if oracle else "Validation on held-out source clips",
        svg,
        ("The checkpoint was chosen on the data it is tested on, as papers do. " if oracle else "")
        + "AUC should rise from 0.5 (guessing) towards 1, EER fall from 0.5 towards 0. A curve that turns back while "
        "the training losses still fall means that the network has begun to learn its training clips by heart.",
    )


def _keys(log: Sequence[Mapping[str, Any]]) -> list[str]:
    found = dict.fromkeys(key for line in log for key, value in line.items() if is_number(value))
    return [key for key in found if key not in _NOT_A_LOSS]


def _curve(log: Sequence[Mapping[str, Any]], name: str) -> np.ndarray:
    """Return the logged points of a name as (n, 2): iteration, value; lines without both are left out."""
    points = [
        (line["iteration"], line[name])
        for line in log
        if is_number(line.get("iteration")) and is_number(line.get(name))
    ]
    return np.array(points, float).reshape(-1, 2)


def _means(points: np.ndarray, step: int) -> np.ndarray:
    return np.array([points[start : start + step].mean(axis=0) for start in range(0, len(points), step)])
