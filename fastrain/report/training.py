"""Show how training went (losses, validations), its configuration, and its environment."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from fasdata.page.charts import Axis, Line, line_chart
from fasdata.page.figures import Chart, Charts
from fasdata.page.page import Section
from fasdata.page.parts import Code, Details, Facts, Notice, Paragraph
from fasdata.page.spelling import count, is_number, text
from fastrain.evaluation.thresholds import is_oracle
from fastrain.report.run_folder import CONFIG, METRICS, RunFolder
from fastrain.rundir import LogLine
from fastrain.rundir.facts import CodeFacts

# -- Loss and validation curves ---------------------------------------------------------------------------------------

POINTS = 150  # a curve; more would not be seen
_NOT_A_LOSS = {"seconds", "lr"}


def training_section(run: RunFolder) -> Section:
    """Return the loss curves and the validation curve."""
    return Section("training", "Training", [Charts([_losses(run), _validation(run)])])


def _losses(run: RunFolder) -> Chart | Notice:
    curves = {name: _curve(run.train_log, name) for name in _keys(run.train_log)}
    curves = {name: points for name, points in curves.items() if len(points)}
    if not curves:
        return Notice("No loss curves", [f"{run.missing.get(METRICS, 'No training step was logged')}."])
    step = max(-(-len(points) // POINTS) for points in curves.values())
    thinned = {name: block_means(points, step) for name, points in curves.items()}
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
    iteration = run.run.selection.iteration
    oracle = is_oracle(run.selection_policy())
    svg = line_chart(
        lines,
        Axis("iteration"),
        Axis("rate between 0 and 1", 0, 1.02),
        name="validation",
        alt="Validation AUC and EER over iterations",
        upright=("checkpoint used", float(iteration)) if iteration is not None else None,
    )
    return Chart(
        "Validation on the target's own clips (oracle)" if oracle else "Validation on held-out source clips",
        svg,
        ("The checkpoint was chosen on the data it is tested on, as papers do. " if oracle else "")
        + "AUC should rise from 0.5 (guessing) towards 1, EER fall from 0.5 towards 0. A curve that turns back while "
        "the training losses still fall means that the network has begun to learn its training clips by heart.",
    )


def _keys(log: Sequence[LogLine]) -> list[str]:
    numeric = dict.fromkeys(key for line in log for key, value in line.values.items() if value is not None)
    return [key for key in numeric if key not in _NOT_A_LOSS]


def _curve(log: Sequence[LogLine], name: str) -> np.ndarray:
    """Return the logged points of a name as (n, 2): iteration, value; lines without it are left out."""
    points = [(line.iteration, line.values[name]) for line in log if line.values.get(name) is not None]
    return np.array(points, float).reshape(-1, 2)


def block_means(points: np.ndarray, step: int) -> np.ndarray:
    """Return the means of every `step` points (n, 2), those of the last block over what is left."""
    return np.array([points[start : start + step].mean(axis=0) for start in range(0, len(points), step)])


# -- Configuration, environment and missing files ---------------------------------------------------------------------


def configuration_section(run: RunFolder) -> Section:
    """Return the settings that decide a run, and the resolved configuration folded away."""
    of = run.run
    overrides = of.overrides
    facts = Facts(
        [
            ("Preset", text(of.preset, "none")),
            ("Set on the command line", text(_spell(overrides), "nothing")),
            ("View (face alignment)", text(of.view and f"{of.view}, version {of.view_geometry} of its geometry")),
            ("Image size", f"{of.image_size} pixels" if of.image_size else text(None)),
            ("Colour order", text(of.color_order)),
            ("Training labels shuffled", text(of.shuffle_labels)),
            ("Seed", text(of.seed)),
            *((f"Code of the {used.what} {used.name}", _code(used)) for used in of.code),
            ("Manifest", text(of.manifest_path)),
            ("Manifest fingerprint", text(of.manifest_fingerprint)),
            ("Library", text(of.library)),
        ]
    )
    if run.config_text:
        resolved: Any = Details("The complete resolved configuration", [Code(run.config_text)])
    else:
        resolved = Paragraph(f"The resolved configuration is not shown: {run.missing.get(CONFIG, 'it is empty')}.")
    return Section("configuration", "Configuration", [facts, resolved])


def _code(used: CodeFacts) -> str:
    package = f", {used.package} {used.version}".rstrip() if used.package else ""
    return f"{used.named}{package}, from outside; sha256 {used.sha256}"


def environment_section(run: RunFolder) -> Section:
    """Return the machine, the versions and the times."""
    of = run.run
    facts = [
        ("Device", text(of.device)),
        ("Precision", text(of.precision)),
        ("Parameters", count(of.n_parameters)),
        *([("Trained of them", count(of.n_trained))] if of.n_trained not in (None, of.n_parameters) else []),
        *[("Fixed weights", f"{weights.tensors} tensors of {weights.text}") for weights in of.fixed_weights],
        ("Training time", _duration(of.train_seconds)),
        ("Started", text(of.started)),
        ("Finished", text(of.finished, "not finished")),
        ("Status", text(of.status)),
        *([("Stopped because", text(of.reason))] if of.reason else []),
        ("Tool version", text(of.tool_version)),
    ]
    facts += [(name, text(version)) for name, version in of.versions.items()]
    return Section("environment", "Environment", [Facts(facts)])


def missing_section(runs: Sequence[RunFolder], controls: Sequence[RunFolder]) -> Section | None:
    """Return a section on the files that runs lack, None where none is missing."""
    notices = [
        Notice(f"Run {run.name}", [f"{sentence}." for sentence in run.missing.values()], "mixed")
        for run in (*runs, *controls)
        if run.missing
    ]
    return Section("missing", "Missing parts", notices) if notices else None


def _spell(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={_plain(setting)}" for key, setting in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_plain(setting) for setting in value)
    return "" if value is None else str(value)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _duration(seconds: Any) -> Any:
    if not is_number(seconds):
        return text(None)
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
