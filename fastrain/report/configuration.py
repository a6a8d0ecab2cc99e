"""What was asked for and what it ran on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from fasdata.report.page import Section
from fasdata.report.prose import Code, Details, Facts, Notice, Paragraph
from fasdata.report.value import count, is_number, text
from fastrain.report.run_folder import CONFIG, RunFolder


def configuration_section(run: RunFolder) -> Section:
    """Return the settings that decide a run, and the resolved configuration folded away."""
    of = run.run
    overrides = of.get("overrides")
    facts = Facts(
        [
            ("Preset", text(of.get("preset"), "none")),
            ("Set on the command line", text(_spell(overrides), "nothing")),
            ("View (face alignment)", text(of.get("view"))),
            ("Image size", f"{of['image_size']} pixels" if is_number(of.get("image_size")) else text(None)),
            ("Colour order", text(of.get("color_order"))),
            ("Training labels shuffled", text(of.get("shuffle_labels"))),
            ("Seed", text(of.get("seed"))),
            ("Manifest", text(of.get("manifest_path"))),
            ("Manifest fingerprint", text(of.get("manifest_fingerprint"))),
            ("Library", text(of.get("library"))),
        ]
    )
    if run.config_text:
        resolved: Any = Details("The whole configuration as it was resolved", [Code(run.config_text)])
    else:
        resolved = Paragraph(f"The resolved configuration is not shown: {run.missing.get(CONFIG, 'it is empty')}.")
    return Section("configuration", "Configuration", [facts, resolved])


def environment_section(run: RunFolder) -> Section:
    """Return the machine, the versions and the times."""
    of = run.run
    facts = [
        ("Device", text(of.get("device"))),
        ("Precision", text(of.get("precision"))),
        ("Parameters", count(of.get("n_parameters"))),
        ("Training time", _duration(of.get("train_seconds"))),
        ("Started", text(of.get("started"))),
        ("Finished", text(of.get("finished"), "not finished")),
        ("Status", text(of.get("status"))),
        *([("Stopped because", text(of["reason"]))] if of.get("reason") else []),
        ("Tool version", text(of.get("tool_version"))),
    ]
    versions = of.get("versions")
    if isinstance(versions, dict):
        facts += [(str(name), text(value)) for name, value in versions.items()]
    return Section("environment", "Environment", [Facts(facts)])


def missing_section(runs: Sequence[RunFolder], controls: Sequence[RunFolder]) -> Section | None:
    """Return a section on the files that runs lack, or None where all are there."""
    notices = [
        Notice(f"Run {run.name}", [f"{sentence}." for sentence in run.missing.values()], "mixed")
        for run in (*runs, *controls)
        if run.missing
    ]
    return Section("missing", "Missing parts", notices) if notices else None


def _spell(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={_plain(one)}" for key, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_plain(one) for one in value)
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
